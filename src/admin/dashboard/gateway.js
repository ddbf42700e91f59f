// The head of the page: which gateway, how it is, and the two numbers that say most.
import { Chart } from './chart.js';
import { h, put } from './dom.js';
import { count, rate, span } from './format.js';

export class GatewayView {
  constructor(title, facts, now) {
    this.title = title;
    this.facts = facts;
    this.before = undefined;
    this.online = new Figure('devices online', count, {});
    this.events = new Figure('events a second', rate, { fromZero: true });
    this.numbers = h('dl', { class: 'numbers' });
    now.replaceChildren(this.online.element, this.events.element, this.numbers);
  }

  show(gateway) {
    const time = Date.now();
    document.title = `${gateway.gateway} · tetherd`;
    put(this.title, gateway.gateway);
    const wrong = troubles(gateway);
    const usual = [`tetherd ${gateway.version}`, gateway.phase, `up ${span(gateway.uptime_seconds)}`];
    put(this.facts, [...usual, ...wrong].join(' · '));
    this.facts.classList.toggle('bad', wrong.length > 0 || gateway.phase !== 'running');
    this.online.show(gateway.names, time);
    const perSecond = this.perSecond(gateway, time);
    if (perSecond !== undefined) this.events.show(perSecond, time);
    this.showNumbers(gateway);
  }

  /** Offsets rise by one with each event; the first look says nothing yet. */
  perSecond({ next, uptime_seconds: uptime }, time) {
    const before = this.before;
    this.before = { next, uptime, time };
    if (!before || uptime < before.uptime || next < before.next) return undefined;
    const seconds = uptime - before.uptime;
    return seconds > 0 ? (next - before.next) / seconds : undefined;
  }

  showNumbers({ connections, connections_peak: peak, totals }) {
    const sum = (reasons) => Object.values(reasons).reduce((all, one) => all + one, 0);
    const refused = sum(totals.refused);
    const rows = [
      ['connections', count(connections), `at most ${count(peak)}`],
      ['sessions ended', count(sum(totals.ended)), `of ${count(totals.accepted)} taken in`],
      ['refused', count(refused), reasons(totals.refused)],
      ['events', count(totals.events), 'since the start'],
    ];
    if (totals.panics) rows.push(['panics', count(totals.panics), 'see the log']);
    const same = this.numbers.children.length === rows.length;
    if (!same) this.numbers.replaceChildren(...rows.map(() => number()));
    rows.forEach((row, at) => {
      const [title, value, note] = this.numbers.children[at].children;
      put(title, row[0]);
      put(value, row[1]);
      put(note, row[2]);
    });
  }
}

function troubles({ paused, quiet, stuck_threads: stuck }) {
  return [
    paused && 'paused: the spool is full, devices wait',
    quiet && 'the devices have fallen silent',
    stuck.length && `standing still: ${stuck.join(', ')}`,
  ].filter(Boolean);
}

const number = () => h('div', {}, h('dt'), h('dd', { class: 'value' }), h('dd', { class: 'note' }));

function reasons(refused) {
  const told = Object.entries(refused).map(([reason, times]) => `${reason} ${count(times)}`);
  return told.join(', ') || 'at the door';
}

/** A number as large as it matters, and its course. */
class Figure {
  constructor(label, write, options) {
    this.write = write;
    this.value = h('span', { class: 'value' }, '–');
    this.chart = new Chart(label, write, options);
    this.element = h(
      'div',
      { class: 'figure' },
      h('p', {}, this.value, h('span', { class: 'label' }, label)),
      this.chart.element,
    );
  }

  show(value, time) {
    put(this.value, this.write(value));
    this.chart.add(value, time);
  }
}
