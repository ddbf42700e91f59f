// The web servers: what each has and has not, and the way past an event that one cannot take.
import { ask } from './api.js';
import { Table, complain, complaint, confirmed, h } from './dom.js';
import { count, moment, span, words } from './format.js';

export class UpstreamsView {
  constructor(place, house) {
    this.house = house;
    this.problem = complaint();
    this.table = new Table('Web servers', this.columns(), { empty: 'No web server is configured.' });
    place.append(this.table.element, this.problem);
  }

  columns() {
    return [
      { title: 'Name', kind: 'name', cell: ({ name }) => name },
      { title: 'Link', kind: 'state', cell: (one) => state(one) },
      { title: 'Waiting', kind: 'number', cell: ({ waiting }) => count(waiting) },
      { title: 'Lag', kind: 'number', cell: lag },
      { title: 'Delivered', kind: 'number', cell: ({ delivered }) => count(delivered) },
      { title: 'Dropped', kind: 'number', cell: ({ dropped }) => count(dropped) },
      { title: 'Address', kind: 'address', cell: ({ mode, address }) => `${mode} ${address}` },
      { title: 'Last fault', kind: 'text', cell: ({ link }) => fault(link) },
      { title: '', kind: 'act', cell: (one) => this.skipping(one) },
    ];
  }

  async look(signal) {
    const { upstreams } = await ask('/api/upstreams', { signal });
    const seen = upstreams.map((one) => ({ ...one, moved: this.moved(one) }));
    this.before = { time: Date.now(), of: new Map(seen.map((one) => [one.name, one])) };
    this.table.show(seen, ({ name }) => name);
  }

  /** Deliveries a second since the last look. */
  moved({ name, delivered }) {
    const before = this.before?.of.get(name);
    const seconds = (Date.now() - (this.before?.time ?? 0)) / 1000;
    return before && seconds > 0 ? (delivered - before.delivered) / seconds : undefined;
  }

  skipping(upstream) {
    const { name, cursor, link, waiting } = upstream;
    const isStuck = link.stuck_at != null;
    const offered = isStuck && waiting > 0 && this.house.mayChange;
    const make = () =>
      offered
        ? h('button', { type: 'button', class: 'grave', click: () => this.skip(name, cursor) }, 'Skip…')
        : [];
    return { key: `${offered}:${cursor}`, make };
  }

  async skip(name, through) {
    const text = `${name} fails again and again at event ${through}. If you pass over it, ${name} never gets this one event; it is told of a gap. Everything else follows.`;
    if (!(await confirmed(`Skip one event for ${name}?`, text, 'Skip it'))) return;
    try {
      complain(this.problem);
      const at = `/api/upstreams/${encodeURIComponent(name)}/skip`;
      await ask(at, { method: 'POST', body: { through } });
      await this.look();
    } catch (problem) {
      complain(this.problem, problem);
    }
  }
}

function state({ link }) {
  const since = link.since ? ` since ${moment(link.since)}` : '';
  const [kind, text] =
    link.stuck_at != null
      ? ['stuck', `stuck at ${link.stuck_at}`]
      : link.up
        ? ['up', `up${since}`]
        : ['down', link.since ? `down${since}` : 'not up yet'];
  return { key: text, make: () => h('span', { class: `sign ${kind}` }, text) };
}

/** How long what waits takes at this pace. */
function lag({ waiting, link, moved }) {
  if (waiting === 0) return 'none';
  if (moved > 0) return `some ${span(Math.max(1, waiting / moved))}`;
  return link.up && moved === undefined ? '–' : 'does not move';
}

/** In full while it matters. */
function fault({ up, last_fault: kind, last_error: error }) {
  if (!kind) return '';
  return up ? `${words(kind)}, before that` : error || words(kind);
}
