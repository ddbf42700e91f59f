// Names that come and go all the time, whether they are here or not.
import { ask } from './api.js';
import { Table, complain, complaint, h, put } from './dom.js';
import { count, many, span } from './format.js';
import { poll } from './poll.js';

const WHY = {
  connects: 'comes too often',
  takeovers: 'taken over too often: probably two devices have this name',
};

const columns = [
  { title: 'Name', kind: 'name', cell: ({ name }) => named(name) },
  { title: 'Why', kind: 'text', cell: ({ why }) => WHY[why] ?? why },
  { title: 'Connects', kind: 'number', cell: ({ connects }) => (connects ? count(connects) : '') },
  { title: 'Flagged for', kind: 'number', cell: ({ since_seconds: since }) => span(since) },
  { title: 'Calm in', kind: 'number', cell: ({ lasts_seconds: lasts }) => span(lasts) },
  { title: 'Now', kind: 'state', cell: ({ connected }) => state(connected) },
];

function named(name) {
  return { key: name, make: () => h('a', { href: `#/device/${encodeURIComponent(name)}` }, name) };
}

function state(isHere) {
  const text = isHere ? 'here' : 'away';
  return { key: text, make: () => h('span', { class: `sign ${isHere ? 'online' : ''}` }, text) };
}

export function flappingView(place) {
  const table = new Table('Names that come and go', columns, {
    empty: 'No name comes and goes more often than it may.',
  });
  const problem = complaint();
  const summary = h('p', { class: 'summary', role: 'status' });
  place.append(
    h('h2', { class: 'unseen' }, 'Names that come and go'),
    h('div', { class: 'tools' }, summary),
    problem,
    table.element,
  );
  const look = poll(5000, async (signal) => {
    try {
      const { names } = await ask('/api/flagged', { signal });
      table.show(names, ({ name, why }) => `${why} ${name}`);
      put(summary, many(names.length, 'flagged name'));
      complain(problem);
    } catch (fault) {
      complain(problem, fault);
      throw fault;
    }
  });
  return look.stop;
}
