// Who can sign in.

/** By user name, which is the subject too. */
export const people = {
  ada: { name: 'Ada Lindqvist', password: 'demo', groups: ['staff', 'admins'] },
  bob: { name: 'Bob Ferreira', password: 'demo', groups: ['staff'] },
};

for (const [username, person] of Object.entries(people)) person.email = `${username}@example.com`;

export function claimsOf({ name, email, groups }) {
  return { name, email, email_verified: true, groups };
}

/** The subject, if that is the person's password. */
export function authenticate(username, password) {
  const subject = username.trim().toLowerCase().replace(/@example\.com$/, '');
  return Object.hasOwn(people, subject) && people[subject].password === password ? subject : undefined;
}
