// The bytes of a device as they pass, both ways.
import { dump, fromBase64 } from './bytes.js';
import { complain, complaint, h, put } from './dom.js';
import { instant, many, size } from './format.js';
import { follow } from './stream.js';

const MOST = 100;
const DRAWN_EACH = 200;

const STATES = {
  connecting: 'connecting…', open: 'live', waiting: 'broken off, trying again…',
  hidden: 'stands still while nobody looks', refused: '',
};

export class TapView {
  /** Of the stream at `path`; `isOne` session's, so that its end is the end. */
  constructor(path, { isOne = false } = {}) {
    this.path = path;
    this.isOne = isOne;
    this.waiting = [];
    this.beyond = 0;
    this.problem = complaint();
    this.state = h('span', { class: 'live' });
    this.button = h('button', { type: 'button', click: () => this.toggle() }, 'Show its bytes');
    this.clear = h('button', { type: 'button', class: 'quiet', hidden: true, click: () => this.wipe() }, 'Clear');
    this.list = h('ol', { class: 'tap', 'aria-label': 'Bytes as they pass' });
    this.sums = h('span', { class: 'note' });
    this.element = h(
      'section',
      { class: 'part wide' },
      h('div', { class: 'head' }, h('h2', {}, 'Bytes'), this.state, this.button, this.clear, this.sums),
      this.problem,
      this.list,
    );
  }

  toggle() {
    if (this.stream) {
      this.leave();
      return;
    }
    this.passed = { received: 0, sent: 0 };
    put(this.button, 'Stop');
    this.clear.hidden = false;
    this.timer = setInterval(() => this.draw(), DRAWN_EACH);
    this.stream = follow(this.path, {
      event: (kind, facts) => this.take(kind, facts),
      state: (now, problem) => {
        put(this.state, STATES[now]);
        this.state.dataset.state = now;
        complain(this.problem, problem);
        if (now === 'refused') this.leave();
      },
    });
  }

  leave() {
    clearInterval(this.timer);
    this.stream?.stop();
    this.stream = undefined;
    this.draw();
    put(this.state, '');
    put(this.button, 'Show its bytes');
  }

  wipe() {
    this.list.replaceChildren();
    this.waiting = [];
    this.beyond = 0;
  }

  take(kind, facts) {
    // Four letters for three bytes.
    if (kind in this.passed) {
      const text = facts.bytes ?? '';
      this.passed[kind] += (text.length / 4) * 3 - (text.match(/=*$/)[0].length);
    }
    this.waiting.push([kind, facts]);
    if (kind === 'closed' && this.isOne) this.leave();
    if (this.waiting.length <= MOST) return;
    this.waiting.shift();
    this.beyond += 1;
  }

  draw() {
    if (!this.waiting.length) return;
    const lines = this.waiting.map(([kind, facts]) => this.line(kind, facts)).reverse();
    if (this.beyond) lines.push(h('li', { class: 'missed' }, `${many(this.beyond, 'more piece')} not shown`));
    this.waiting = [];
    this.beyond = 0;
    this.list.prepend(...lines);
    while (this.list.children.length > MOST) this.list.lastChild.remove();
    const { received, sent } = this.passed;
    put(this.sums, `received ${size(received)}, sent ${size(sent)} since you look`);
  }

  line(kind, facts) {
    const time = h('time', { datetime: facts.time }, facts.time ? instant(facts.time) : '');
    const direction = { received: '→ received', sent: '← sent' }[kind];
    if (!direction) {
      const first = facts.first_bytes && dump(fromBase64(facts.first_bytes));
      return h('li', { class: kind }, time, h('span', { class: 'kind' }, said(kind, facts)), first);
    }
    const bytes = fromBase64(facts.bytes ?? '');
    return h(
      'li',
      { class: kind },
      time,
      h('span', { class: 'kind' }, `${direction} ${many(bytes.length, 'byte')}`),
      dump(bytes),
    );
  }
}

function said(kind, facts) {
  switch (kind) {
    case 'opened':
      return `session ${facts.session} at ${facts.listener}, from ${facts.peer}${facts.first_bytes ? '; it had sent' : ''}`;
    case 'closed':
      return `session ${facts.session} is over${facts.reason ? `: ${facts.reason}` : ''}`;
    case 'missed':
      return `${many(facts.events ?? 0, 'piece')} with ${size(facts.bytes ?? 0)} are missing here`;
    default:
      return kind;
  }
}
