// The provider's sign-in: shown when oidc-provider needs a person, answered when they have decided.

import { errorPage, sendPage, signInPage } from './pages.mjs';
import { authenticate, people } from './people.mjs';

const FORM_LIMIT = 4096;

export async function answerInteraction(provider, request, response, { site, formTargets }) {
  const send = (status, html) => sendPage(response, { status, html, formTargets });
  let interaction;
  try {
    interaction = await provider.interactionDetails(request, response);
  } catch {
    return send(400, errorPage({ error_description: 'This sign-in is over, or has expired. If you are not signed in at the site, start again there.' }, site));
  }
  const signedIn = people[interaction.session?.accountId];
  const page = {
    site: (await provider.Client.find(interaction.params.client_id)).clientName,
    username: interaction.params.login_hint ?? '',
    // Only a choice of accounts may go on without a password; `prompt=login` asks for it.
    signedIn: interaction.prompt.name === 'select_account' ? signedIn : undefined,
  };
  if (request.method !== 'POST') return send(200, signInPage(page));

  const form = await readForm(request);
  if (!form) return send(413, errorPage({ error_description: 'That is too much for a sign-in form.' }, site));
  if (form.has('cancel')) {
    return finish({ error: 'access_denied', error_description: 'The person signing in cancelled.' });
  }
  if (form.has('continue') && page.signedIn) return finish({ select_account: {} });

  const username = form.get('username') ?? '';
  const accountId = authenticate(username, form.get('password') ?? '');
  if (!accountId) return send(422, signInPage({ ...page, username, failed: true }));
  return finish({ select_account: {}, login: { accountId, amr: ['pwd'] } });

  function finish(result) {
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
}

async function readForm(request) {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > FORM_LIMIT) return undefined;
  }
  return new URLSearchParams(body);
}
