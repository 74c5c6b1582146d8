/** Lines of peers are read back as they were written, and anything else is refused. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodePeerMessage, encodePeerMessage, type PeerMessage } from './peer-protocol.ts'

const id = fc.stringMatching(/^[0-9a-f]{16}$/)
const ack = fc.integer({ min: 1 })
const message: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.tuple(fc.constant('hello' as const), ack, id, fc.array(fc.string()), fc.array(fc.string())),
  fc.tuple(fc.constant('facts' as const), ack, fc.array(fc.string()), fc.array(fc.string())),
  fc.tuple(fc.constantFrom('sub' as const, 'unsub' as const), ack, fc.string()),
  fc.tuple(fc.constantFrom('hold' as const, 'release' as const), ack, fc.string()),
  fc.tuple(fc.constantFrom('sync' as const, 'ack' as const), ack),
  fc.tuple(fc.constant('msg' as const), fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })),
)

test('what is written is read, in one line', () => {
  fc.assert(
    fc.property(message, (each) => {
      const line = encodePeerMessage(each)
      expect(line.indexOf('\n')).toBe(line.length - 1)
      expect(decodePeerMessage(line.slice(0, -1))).toEqual(each)
    }),
  )
})

test('anything else is refused, not thrown', () => {
  const kinds = ['hello', 'facts', 'sub', 'hold', 'sync', 'ack', 'msg', 'bye']
  const noise = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(fc.oneof(fc.constantFrom(...kinds), fc.jsonValue())).map((v) => JSON.stringify(v)),
  )
  fc.assert(
    fc.property(noise, (line) => {
      const read = decodePeerMessage(line)
      if (read !== undefined) expect(decodePeerMessage(encodePeerMessage(read))).toEqual(read)
    }),
    { numRuns: 1000 },
  )
  for (const line of ['["hello",1,"../../etc/passwd",[],[]]', '["sub",1]', '["msg","a"]', '["ack","1"]', '{}', 'null', '']) {
    expect(decodePeerMessage(line)).toBeUndefined()
  }
})
