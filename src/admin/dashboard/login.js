// A token for a cookie. The token is sent once and kept nowhere.
import { ask } from './api.js';
import { complain, complaint, h } from './dom.js';

/** The form; `done` is called when the cookie is there. */
export function loginView(done) {
  const token = h('input', {
    id: 'token',
    name: 'token',
    type: 'password',
    autocomplete: 'current-password',
    required: true,
    spellcheck: 'false',
  });
  const button = h('button', { type: 'submit' }, 'Log in');
  const problem = complaint();

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    complain(problem);
    try {
      await ask('/api/login', { method: 'POST', body: { token: token.value.trim() } });
      token.value = '';
      await done();
    } catch (fault) {
      complain(problem, fault);
      token.focus();
      token.select();
    }
    button.disabled = false;
  }

  return h(
    'form',
    { class: 'login', submit },
    h('h2', {}, 'Log in'),
    h('p', {}, 'This gateway answers to those who hold one of its tokens.'),
    // So that whoever keeps passwords knows whose this is.
    h('input', { type: 'text', autocomplete: 'username', value: 'tetherd', hidden: true, readonly: true }),
    h('label', { for: 'token' }, 'Token'),
    h('p', { class: 'actions' }, token, button),
    problem,
    h('p', { class: 'hint' }, 'It stands in the file that [admin.tokens] names. You stay logged in for 12 hours, or until nothing was asked for 2.'),
  );
}
