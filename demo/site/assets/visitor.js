// Shows who is signed in. Without this script the page's own link stays: signing in, or out.

const place = document.querySelector('#visitor');

async function showVisitor() {
  const answer = await fetch('/.auth/me', { headers: { Accept: 'application/json' }, cache: 'no-store' }).catch(() => undefined);
  // The page is left meanwhile, or the network is gone.
  if (!answer) return;
  const here = encodeURIComponent(location.pathname + location.search);
  if (!answer.ok) return place.replaceChildren(link('Sign in', `/.auth/login?return_to=${here}`));
  const { name, email, subject } = await answer.json();
  const who = document.createElement('span');
  who.className = 'who';
  who.textContent = name ?? email ?? subject;
  if (email) who.title = email;
  place.replaceChildren(who, link('Sign out', '/.auth/logout'));
}

function link(text, href) {
  const anchor = document.createElement('a');
  anchor.href = href;
  anchor.textContent = text;
  return anchor;
}

showVisitor();
// A page that the browser kept may be from before a sign-out.
addEventListener('pageshow', (event) => event.persisted && showVisitor());
