import { faultOfPreopenPorts, parseServicePorts, portOfAppName } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const label = suite('service ports: the label of an image');

label('names, protocols and ports are read, also several ports of one name', () => {
  assert.equal(parseServicePorts('jupyter:http:8080, raw:tcp:[9000, 9001],web:preopen:5000'), {
    ok: true,
    value: [
      { name: 'jupyter', protocol: 'http', ports: [8080] },
      { name: 'raw', protocol: 'tcp', ports: [9000, 9001] },
      { name: 'web', protocol: 'preopen', ports: [5000] },
    ],
  });
  assert.equal(parseServicePorts(''), { ok: true, value: [] });
});

label('what needs a terminal of before is passed over', () => {
  assert.equal(parseServicePorts('shell:pty:3000,a:tcp:3001'), {
    ok: true,
    value: [{ name: 'a', protocol: 'tcp', ports: [3001] }],
  });
});

for (const [text, why] of [
  ['jupyter', /not name:protocol:port/],
  ['jupyter:http', /not name:protocol:port/],
  ['jupyter:http:8080 x', /not name:protocol:port/],
  ['jupyter:http:8080,', /a comma ends it/],
  ['jup/yter:http:8080', /is no name of a service/],
  [':http:8080', /is no name of a service/],
  ['jupyter:gopher:8080', /gopher is no protocol/],
  ['a:internal:8080', /internal is no protocol/],
  ['a:tcp:80', /80 is no port/],
  ['a:tcp:1024', /1024 is no port/],
  ['a:tcp:65535', /65535 is no port/],
  ['a:tcp:2001', /2001 is no port/],
  ['a:tcp:7681', /7681 is no port/],
  ['a:tcp:[]', /is no port/],
  ['a:tcp:[3000,x]', /x is no port/],
  ['a:tcp:3000,b:http:3000', /the port 3000 is there twice/],
  ['a:tcp:[3000,3000]', /the port 3000 is there twice/],
  ['a:tcp:3000,a:tcp:3001', /a is there twice/],
] as const)
  label(`${text} is refused`, () => {
    const parsed = parseServicePorts(text);
    assert.is(parsed.ok, false);
    if (!parsed.ok) assert.match(parsed.error, why);
  });

label.run();

const preopen = suite('service ports: those that a session opens');

preopen('whole numbers that are free, each once', () => {
  assert.is(faultOfPreopenPorts([]), undefined);
  assert.is(faultOfPreopenPorts([1024, 65535, 8000]), undefined);
  assert.match(String(faultOfPreopenPorts([80])), /from 1024 to 65535/);
  assert.match(String(faultOfPreopenPorts([8000.5])), /whole number/);
  assert.match(String(faultOfPreopenPorts([2200])), /2200 is taken/);
  assert.match(String(faultOfPreopenPorts([8000, 8000])), /twice/);
  assert.match(
    String(faultOfPreopenPorts(Array.from({ length: 33 }, (_, n) => 8000 + n))),
    /at most 32/,
  );
});

preopen('a number is the name of its port', () => {
  assert.is(portOfAppName('8000'), 8000);
  for (const name of ['80', '08000', '70000', '2200', 'jupyter', '8e3'])
    assert.is(portOfAppName(name), undefined);
});

preopen.run();
