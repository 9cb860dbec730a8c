import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFrame, FrameDecoder } from '../../../../actors/agent/log-frames.ts';

const test = suite('agent log frames');

test('frames cut anywhere and read from any byte give the rest of the log', () => {
  const frames = fc.array(
    fc.record({
      source: fc.constantFrom('stdout' as const, 'stderr' as const),
      bytes: fc.uint8Array({ maxLength: 50 }),
    }),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 40 }), fc.nat(500), (written, cut, from) => {
      const wire = Buffer.concat(written.map(({ source, bytes }) => encodeFrame(source, bytes)));
      const content = Buffer.concat(written.map(({ bytes }) => bytes));
      const decoder = new FrameDecoder(from);
      const read = [];
      for (let at = 0; at < wire.length; at += cut)
        read.push(...decoder.push(wire.subarray(at, at + cut)));
      assert.ok(Buffer.concat(read.map(({ bytes }) => bytes)).equals(content.subarray(from)));
      let next = Math.min(from, content.length);
      for (const { offsetBytes, bytes } of read.filter((chunk) => chunk.bytes.length > 0)) {
        assert.is(offsetBytes, next);
        next += bytes.length;
      }
      assert.is(decoder.offsetBytes, content.length);
    }),
  );
});

test('a frame that claims to be absurdly long is refused', () => {
  const header = Buffer.from([1, 0, 0, 0, 255, 255, 255, 255]);
  assert.throws(() => new FrameDecoder().push(header), /frame/);
});

test.run();
