// Sessions that are over, with the reason, and how often each reason was since the start.
import { ask, query } from './api.js';
import { Table, complain, complaint, h, mark } from './dom.js';
import { count, moment, size, span } from './format.js';
import { firstBytes } from './nameless.js';
import { poll } from './poll.js';

const PAGE = 50;

const columns = [
  { title: 'Ended', kind: 'number', cell: ({ time }) => moment(time) },
  { title: 'Name', kind: 'name', cell: (session) => named(session) },
  { title: 'Reason', kind: 'state', cell: ({ reason }) => reason },
  { title: 'From', kind: 'address', cell: ({ peer }) => peer },
  { title: 'Listener', kind: 'listener', cell: ({ listener }) => listener },
  { title: 'Lasted', kind: 'number', cell: ({ connected_seconds: seconds }) => span(seconds) },
  { title: 'Received', kind: 'number', cell: ({ received_bytes: bytes }) => size(bytes) },
  { title: 'Sent', kind: 'number sent', cell: ({ sent_bytes: bytes }) => size(bytes) },
  { title: 'First bytes', kind: 'bytes', cell: ({ first_bytes: hex }) => firstBytes(hex) },
];

function named({ name }) {
  const make = () =>
    name === undefined
      ? h('span', { class: 'note' }, 'nameless')
      : h('a', { href: `#/device/${encodeURIComponent(name)}` }, name);
  return { key: name ?? '', make };
}

export function endedView(place, house, asked) {
  let reason = asked.get('reason') ?? '';
  const pages = [''];
  let next;
  const table = new Table('Sessions that ended', columns);
  const problem = complaint();
  const reasons = h('p', { class: 'reasons', role: 'group', 'aria-label': 'Reasons' });
  const back = h('button', { type: 'button', click: () => turn(-1) }, '← Later ones');
  const on = h('button', { type: 'button', click: () => turn(1) }, 'Earlier ones →');
  place.append(
    h('h2', { class: 'unseen' }, 'Sessions that ended'),
    reasons,
    problem,
    table.element,
    h('p', { class: 'pages' }, back, on),
  );

  const look = poll(3000, async (signal) => {
    try {
      const after = pages.at(-1);
      const path = `/api/sessions/closed${query({ reason, limit: PAGE, after })}`;
      const page = await ask(path, { signal });
      if (signal.aborted || after !== pages.at(-1)) return;
      next = page.next;
      table.say(reason ? `None of the last 10,000 ended as ${reason}.` : 'No session has ended yet.');
      table.show(page.sessions, ({ session }) => session);
      back.disabled = pages.length === 1;
      on.disabled = next === undefined;
      back.parentElement.hidden = back.disabled && on.disabled;
      complain(problem);
    } catch (fault) {
      complain(problem, fault);
      throw fault;
    }
  });

  function turn(step) {
    if (step < 0 && pages.length > 1) pages.pop();
    if (step > 0 && next !== undefined) pages.push(next);
    on.disabled = back.disabled = true;
    look.hurry();
  }

  function choose(chosen) {
    reason = chosen;
    pages.length = 1;
    history.replaceState(null, '', `#/ended${query({ reason })}`);
    offer();
    look.hurry();
  }

  /** A button for each reason that there was, with its count. */
  function offer() {
    const ended = house.gateway?.totals.ended ?? {};
    const sum = Object.values(ended).reduce((all, one) => all + one, 0);
    const told = Object.entries(ended).sort(([, a], [, b]) => b - a);
    if (reason && !(reason in ended)) told.push([reason, 0]);
    const wanted = [['', sum], ...told];
    const had = [...reasons.children];
    if (wanted.length !== had.length || wanted.some(([key], at) => had[at].value !== key)) {
      reasons.replaceChildren(...wanted.map(([key]) => button(key, choose)));
    }
    wanted.forEach(([key, times], at) => {
      const one = reasons.children[at];
      one.lastChild.textContent = count(times);
      mark(one, 'aria-pressed', String(key === reason));
    });
  }

  offer();
  addEventListener('gateway', offer);
  return () => {
    look.stop();
    removeEventListener('gateway', offer);
  };
}

const button = (reason, choose) =>
  h(
    'button',
    { type: 'button', class: 'reason', value: reason, click: () => choose(reason) },
    h('span', {}, reason || 'all since the start'),
    ' ',
    h('b', {}),
  );
