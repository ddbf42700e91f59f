// The page: who may see it, what is asked for all the time, and which list is shown.
import { Problem, ask } from './api.js';
import { complain, h, mark, put } from './dom.js';
import { poll } from './poll.js';
import { GatewayView } from './gateway.js';
import { UpstreamsView } from './upstreams.js';
import { devicesView } from './devices.js';
import { deviceView } from './device.js';
import { endedView } from './ended.js';
import { flappingView } from './flapping.js';
import { happeningsView } from './happenings.js';
import { loginView } from './login.js';
import { namelessView } from './nameless.js';
import { sessionView } from './session.js';

const at = (id) => document.getElementById(id);

/** Beside the lists there is room for what goes on. */
const wide = matchMedia('(min-width: 84rem)');

const PLACES = [
  ['devices', 'Devices', devicesView],
  ['nameless', 'Nameless', namelessView],
  ['ended', 'Ended', endedView],
  ['flapping', 'Flapping', flappingView],
  ['happenings', 'Happenings', happeningsView],
];

/** What has a page of its own, and the list that it is in. */
const ONES = { device: [deviceView, 'devices'], session: [sessionView, 'nameless'] };

/** What the views know of the whole. */
const house = {
  mayChange: false,
  gateway: undefined,
  listeners: () => house.gateway?.listeners ?? [],
};

let leave = () => {};
let leaveAside = () => {};
let isFollowed = false;
let polls = [];

let beginnings = 0;

async function begin() {
  end();
  beginnings += 1;
  const mine = beginnings;
  let myself;
  try {
    myself = await ask('/api/login');
  } catch (problem) {
    notice(problem);
    if (mine === beginnings) setTimeout(begin, 3000);
    return;
  }
  // Several questions at a time may have found out that somebody has to log in.
  if (mine !== beginnings) return;
  notice();
  if (myself.access === 'none') {
    at('login').replaceChildren(loginView(begin));
    at('login').hidden = false;
    at('login').querySelector('input').focus();
    return;
  }
  house.mayChange = myself.access === 'full';
  at('myself').replaceChildren(...who(myself));
  open();
}

/** Who is logged in, and the way out. */
function who({ token, access, logged_in: isLoggedIn }) {
  if (!token) return [];
  const may = access === 'full' ? 'may change things' : 'may read';
  const out = h('button', { type: 'button', class: 'quiet', click: logOut }, 'Log out');
  return [h('span', {}, h('b', {}, token), ` ${may}`), ...(isLoggedIn ? [' ', out] : [])];
}

async function logOut() {
  try {
    await ask('/api/login', { method: 'DELETE' });
    begin();
  } catch (problem) {
    notice(problem);
  }
}

function open() {
  at('house').hidden = false;
  const gateway = new GatewayView(at('gateway'), at('facts'), at('now'));
  const upstreams = new UpstreamsView(at('upstreams'), house);
  polls = [
    poll(2000, (signal) =>
      watched(async () => {
        house.gateway = await ask('/api/gateway', { signal });
        gateway.show(house.gateway);
        dispatchEvent(new CustomEvent('gateway'));
      }),
    ),
    poll(3000, (signal) => watched(() => upstreams.look(signal))),
  ];
  route();
}

/** Nothing is asked any more, and nothing shown. */
function end() {
  polls.forEach((one) => one.stop());
  polls = [];
  leave();
  leaveAside();
  leave = leaveAside = () => {};
  at('myself').replaceChildren();
  at('now').replaceChildren();
  at('upstreams').replaceChildren(...[...at('upstreams').children].slice(0, 1));
  at('login').hidden = at('house').hidden = true;
  at('login').replaceChildren();
}

/** Says above everything where the gateway does not answer as it should. */
async function watched(work) {
  try {
    await work();
    notice();
  } catch (problem) {
    if (problem.name !== 'AbortError' && problem.status !== 401) notice(problem);
    throw problem;
  }
}

function notice(problem) {
  complain(at('notice'), problem);
  mark(document.body, 'data-stale', problem instanceof Problem && problem.status === 0);
}

/** `#/devices?search=86`, `#/device/NAME`. */
function route() {
  if (at('house').hidden) return;
  leave();
  const [path, search] = location.hash.replace(/^#\/?/, '').split('?');
  const [place, name] = path.split('/').map(decoded);
  const view = at('view');
  view.replaceChildren();
  const [one, list] = ONES[place] ?? [];
  const known = PLACES.find(([key]) => key === (list ?? place)) ?? PLACES[0];
  leave = one ? one(view, house, name ?? '') : known[2](view, house, new URLSearchParams(search));
  showPlaces(known[0]);
  isFollowed = Boolean(one) || known[0] === 'happenings';
  showAside();
}

function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function showPlaces(current) {
  const links = PLACES.map(([key, title]) =>
    h('a', { href: `#/${key}`, 'aria-current': key === current && 'page' }, title),
  );
  at('places').replaceChildren(...links);
}

/** Not beside what follows itself: followers are few. */
function showAside() {
  const wanted = wide.matches && !isFollowed;
  if (wanted === at('aside').hasChildNodes()) return;
  leaveAside();
  leaveAside = () => {};
  at('aside').replaceChildren();
  if (wanted) leaveAside = happeningsView(at('aside'), house);
}

function keys(event) {
  const isWriting = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key !== '/' || isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector('input[type=search]');
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
}

addEventListener('hashchange', route);
addEventListener('login-needed', begin);
addEventListener('keydown', keys);
wide.addEventListener('change', () => at('house').hidden || showAside());
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  at('view').focus();
});
put(at('facts'), '');
begin();
