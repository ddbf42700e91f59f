// The web servers: what each has and has not, and the way past an event that one cannot take.
import { ask } from './api.js';
import { Table, complain, complaint, confirmed, h } from './dom.js';
import { count, moment, size, span, words } from './format.js';

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
      { title: 'Waiting', kind: 'number', cell: waits },
      { title: 'Behind', kind: 'number', cell: behind },
      { title: 'Delivered', kind: 'number', cell: ({ delivered }) => count(delivered) },
      { title: 'Dropped', kind: 'number', cell: ({ dropped }) => count(dropped) },
      { title: 'Address', kind: 'address', cell: ({ mode, address }) => `${mode} ${address}` },
      { title: 'Last fault', kind: 'text', cell: ({ link }) => fault(link) },
      { title: '', kind: 'act', cell: (one) => this.skipping(one) },
    ];
  }

  async look(signal) {
    const { upstreams } = await ask('/api/upstreams', { signal });
    this.table.show(upstreams, ({ name }) => name);
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

function waits({ waiting, waiting_bytes: bytes }) {
  return waiting ? `${count(waiting)}, ${size(bytes)}` : '0';
}

/** How long the oldest waits. */
function behind({ waiting, lag_seconds: lag }) {
  return waiting ? span(lag) : '–';
}

/** In full while it matters. */
function fault({ up, last_fault: kind, last_error: error }) {
  if (!kind) return '';
  return up ? `${words(kind)}, before that` : error || words(kind);
}
