// The devices by name, a page at a time: however many there are, one page is asked for.
import { ask, query } from './api.js';
import { Table, complain, complaint, h, put } from './dom.js';
import { count, many, moment, size, span } from './format.js';
import { poll } from './poll.js';

const PAGE = 50;

const columns = [
  { title: 'Name', kind: 'name', cell: (device) => named(device) },
  { title: 'State', kind: 'state', cell: ({ state }) => stateCell(state) },
  { title: 'Listener', kind: 'listener', cell: ({ listener }) => listener },
  { title: 'From', kind: 'address from', cell: ({ peer }) => peer },
  { title: 'Connected', kind: 'number since', cell: ({ connected_at: at }) => moment(at) },
  { title: 'Silent', kind: 'number', cell: ({ silent_seconds: silent }) => span(silent) },
  { title: 'Received', kind: 'number', cell: ({ received_bytes: bytes }) => size(bytes) },
  { title: 'Sent', kind: 'number sent', cell: ({ sent_bytes: bytes }) => size(bytes) },
  { title: 'Data', kind: 'number data', cell: ({ data_events: events }) => count(events) },
];

export function devicesView(place, house, asked) {
  const wanted = { search: asked.get('search') ?? '', listener: asked.get('listener') ?? '' };
  // Where each page began, the first one with nothing before it.
  const pages = [''];
  let next;
  const table = new Table('Devices', columns);
  const problem = complaint();
  const summary = h('p', { class: 'summary', role: 'status' });
  const search = h('input', {
    id: 'search',
    type: 'search',
    value: wanted.search,
    placeholder: 'part of a name',
    autocomplete: 'off',
    spellcheck: 'false',
    maxlength: '64',
    input: later(() => filter({ search: search.value })),
  });
  const listener = h('select', { id: 'listener', change: () => filter({ listener: listener.value }) });
  const back = h('button', { type: 'button', click: () => turn(-1) }, '← Before');
  const on = h('button', { type: 'button', click: () => turn(1) }, 'Next →');
  const listeners = h('span', { class: 'field' }, h('label', { for: 'listener' }, 'Listener'), listener);
  place.append(
    h('h2', { class: 'unseen' }, 'Devices'),
    h(
      'div',
      { class: 'tools', role: 'search' },
      h('span', { class: 'field' }, h('label', { for: 'search' }, 'Search'), search, h('kbd', {}, '/')),
      listeners,
      summary,
    ),
    problem,
    table.element,
    h('p', { class: 'pages' }, back, on),
  );

  const look = poll(3000, async (signal) => {
    try {
      const after = pages.at(-1);
      const page = await ask(`/api/devices${query({ ...wanted, limit: PAGE, after })}`, { signal });
      if (signal.aborted || after !== pages.at(-1)) return;
      show(page);
      complain(problem);
    } catch (fault) {
      complain(problem, fault);
      throw fault;
    }
  });

  function show(page) {
    next = page.next;
    table.say(nobody(page.total, wanted, next));
    table.show(page.devices, ({ session, name }) => `${session} ${name}`);
    back.disabled = pages.length === 1;
    on.disabled = next === undefined;
    back.parentElement.hidden = back.disabled && on.disabled;
    const isPart = wanted.search || wanted.listener || pages.length > 1 || next !== undefined;
    const shown = isPart ? `${count(page.devices.length)} shown of ` : '';
    put(summary, `${shown}${many(page.total, 'device')}`);
  }

  function turn(step) {
    if (step < 0 && pages.length > 1) pages.pop();
    if (step > 0 && next !== undefined) pages.push(next);
    next = undefined;
    on.disabled = back.disabled = true;
    look.hurry();
  }

  function filter(change) {
    Object.assign(wanted, change);
    pages.length = 1;
    history.replaceState(null, '', `#/devices${query(wanted)}`);
    look.hurry();
  }

  function offerListeners() {
    const names = house.listeners().map(({ name }) => name);
    listeners.hidden = names.length < 2 && !wanted.listener;
    const offered = ['', ...new Set([...names, wanted.listener].filter(Boolean))];
    if (offered.length === listener.options.length) return;
    listener.replaceChildren(...offered.map((name) => h('option', { value: name }, name || 'all')));
    listener.value = wanted.listener;
  }

  offerListeners();
  addEventListener('gateway', offerListeners);
  return () => {
    look.stop();
    removeEventListener('gateway', offerListeners);
  };
}

function nobody(total, { search, listener }, next) {
  if (next !== undefined) return 'None among these names; there are more behind them.';
  if (search || listener) return 'No device fits.';
  return total === 0 ? 'No device is here. Whoever says who it is appears at once.' : 'No more.';
}

function named({ name, flagged, is_behind: isBehind }) {
  const signs = [flagged && 'flagged', isBehind && 'shares a connection'].filter(Boolean);
  const make = () => [
    h('a', { href: `#/device/${encodeURIComponent(name)}` }, name),
    ...signs.map((sign) => h('span', { class: `tag ${sign.split(' ')[0]}` }, sign)),
  ];
  return { key: `${name} ${signs}`, make };
}

/** Online is what is usual, and quiet. */
function stateCell(state) {
  return { key: state, make: () => h('span', { class: `sign ${state}` }, state) };
}

/** Runs when nobody has called it for a moment. */
function later(work) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, 250);
  };
}
