// Connections that have not said who they are, with what they said instead.
import { ask } from './api.js';
import { fromHex, toHex, toText } from './bytes.js';
import { Table, complain, complaint, h, put } from './dom.js';
import { many, moment, size, span } from './format.js';
import { poll } from './poll.js';

const MOST = 100;

/** The first bytes, as both. */
export function firstBytes(hex) {
  if (hex == null) return '';
  const bytes = fromHex(hex) ?? [];
  if (!bytes.length) return { key: 'none', make: () => h('span', { class: 'note' }, 'nothing yet') };
  const make = () => [
    h('code', { class: 'text' }, toText(bytes)),
    h('code', { class: 'hex' }, toHex(bytes, ' ')),
  ];
  return { key: hex, make };
}

const columns = [
  { title: 'From', kind: 'address', cell: (session) => from(session) },
  { title: 'Listener', kind: 'listener', cell: ({ listener }) => listener },
  { title: 'Connected', kind: 'number since', cell: ({ connected_at: at }) => moment(at) },
  { title: 'For', kind: 'number', cell: ({ connected_seconds: seconds }) => span(seconds) },
  { title: 'Received', kind: 'number', cell: ({ received_bytes: bytes }) => size(bytes) },
  { title: 'First bytes', kind: 'bytes', cell: ({ first_bytes: hex }) => firstBytes(hex) },
];

/** Its bytes are a click away. */
function from({ session, peer }) {
  return { key: session, make: () => h('a', { href: `#/session/${session}` }, peer) };
}

export function namelessView(place) {
  const table = new Table('Nameless connections', columns, {
    empty: 'Every connection has said who it is.',
  });
  const problem = complaint();
  const summary = h('p', { class: 'summary', role: 'status' });
  place.append(
    h('h2', { class: 'unseen' }, 'Nameless connections'),
    h('div', { class: 'tools' }, summary),
    problem,
    table.element,
  );
  const look = poll(3000, async (signal) => {
    try {
      const { sessions } = await ask(`/api/sessions?state=unnamed&limit=${MOST}`, { signal });
      table.show(sessions, ({ session }) => session);
      const more = sessions.length === MOST ? ' or more; these are some of them' : '';
      put(summary, `${many(sessions.length, 'connection')} without a name${more}`);
      complain(problem);
    } catch (fault) {
      complain(problem, fault);
      throw fault;
    }
  });
  return look.stop;
}
