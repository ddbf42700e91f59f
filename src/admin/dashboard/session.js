// One connection without a name, byte by byte.
import { h } from './dom.js';
import { TapView } from './tap.js';

export function sessionView(place, house, session) {
  const tap = new TapView(`/api/sessions/${encodeURIComponent(session)}/tap`, { isOne: true });
  place.append(
    h(
      'div',
      { class: 'head' },
      h('h2', { class: 'device' }, `session ${session}`),
      h('a', { href: '#/nameless' }, 'all nameless'),
    ),
    tap.element,
  );
  tap.toggle();
  return () => tap.leave();
}
