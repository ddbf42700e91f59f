// The course of a number over the last minutes, as far as this page has seen it.
import { h, put } from './dom.js';
import { span } from './format.js';

const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT] = [300, 40];

/** Looks further apart than this are no line: nobody looked in between. */
const HOLE = 15_000;

/** The width stands for as long as was looked, within these. */
const [SHORTEST, LONGEST] = [60_000, 600_000];

const shape = (tag, attributes) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

export class Chart {
  /** The course of a number that is written by `write`; from zero up, or from its lowest. */
  constructor(label, write, { fromZero = false }) {
    this.label = label;
    this.write = write;
    this.fromZero = fromZero;
    this.seen = [];
    this.line = shape('path', { class: 'line' });
    this.dot = shape('path', { class: 'dot' });
    this.svg = shape('svg', {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: 'none',
      role: 'img',
    });
    const base = shape('path', { class: 'base', d: `M0 ${HEIGHT - 0.5}H${WIDTH}` });
    this.svg.append(base, this.line, this.dot);
    this.range = h('figcaption', { class: 'range' });
    this.element = h('figure', { class: 'chart' }, this.svg, this.range);
  }

  /** The number is `value` at `time`, in milliseconds. */
  add(value, time) {
    this.seen.push({ value, time });
    while (this.seen[0].time < time - LONGEST) this.seen.shift();
    this.draw(time);
  }

  draw(now) {
    const values = this.seen.map(({ value }) => value);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const looked = now - this.seen[0].time;
    const width = Math.max(SHORTEST, looked);
    // What hardly changes hardly moves the line.
    const foot = this.fromZero ? 0 : Math.max(0, Math.min(low, high - Math.max(4, high / 20)));
    const x = (time) => (WIDTH - 3) * (1 - (now - time) / width);
    const y = (value) =>
      high === foot ? HEIGHT / 2 : HEIGHT - 3 - ((value - foot) / (high - foot)) * (HEIGHT - 6);
    let before;
    const path = this.seen.map(({ value, time }) => {
      const step = before !== undefined && time - before <= HOLE ? 'L' : 'M';
      before = time;
      return `${step}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    });
    this.line.setAttribute('d', path.join(''));
    const last = this.seen.at(-1);
    // A line of no length with round ends is a dot, whatever the scale.
    this.dot.setAttribute('d', `M${x(last.time).toFixed(1)} ${y(last.value).toFixed(1)}h0`);
    const range = high === low ? `steady at ${this.write(low)}` : `${this.write(low)} to ${this.write(high)}`;
    const text = `${range}, seen for ${span(looked / 1000)}`;
    put(this.range, text);
    this.svg.setAttribute('aria-label', `${this.label}: ${text}, now ${this.write(last.value)}`);
  }
}
