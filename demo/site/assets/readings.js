// Asks a hive for its reading as a single-page app would. Whether there is a session is not looked at
// here: when there is none, the gate's client script offers to sign in, and the request goes out again.

const place = document.querySelector('#reading');

document.querySelector('#ask').addEventListener('click', async () => {
  const answer = await portcullis.fetch('/members/readings/hive-7.json', { cache: 'no-store' });
  if (answer.ok) show(await answer.json());
  else say(answer.status === 401 ? 'You are not signed in, so the hive keeps it to itself.' : `The hive answers ${answer.status}.`);
});

// What happens at the end of a session's time, without waiting for it.
document.querySelector('#end').addEventListener('click', async () => {
  await fetch('/.auth/logout', { method: 'POST' });
  say('Your session has ended, and this page does not know yet. Ask again.');
});

function show({ at, kilograms, celsius, hourly }) {
  const time = new Date(at).toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
  place.replaceChildren(weight(`${kilograms.toFixed(2)} kg`), text(`${celsius} °C, ${time} UTC`), curve(hourly));
}

function say(words) {
  place.replaceChildren(weight('– kg'), text(words));
}

function weight(words) {
  return Object.assign(text(words), { className: 'weight' });
}

function text(words) {
  return Object.assign(document.createElement('p'), { textContent: words });
}

/** The day in one line. */
function curve(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const points = values.map((value, hour) => `${hour},${((most - value) / (most - least)) * 10}`);
  const make = (tag, attributes) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const drawing = make('svg', { viewBox: `0 0 ${values.length - 1} 10`, preserveAspectRatio: 'none', role: 'img', 'aria-label': 'The day by the hour' });
  drawing.append(make('polyline', { points: points.join(' ') }));
  return drawing;
}
