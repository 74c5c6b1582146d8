/** Answers of Redis are read alike however they are cut, and nothing that is none is taken for one. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Reply, RespError, RespReader } from './resp-reader.ts'

const { reply } = fc.letrec<{ reply: Reply; array: Reply }>((tie) => ({
  reply: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'grapheme' }),
    fc.integer(),
    fc.constant(null),
    fc.stringMatching(/^[A-Z]+ [a-z ]*$/).map((text) => new RespError(text)),
    tie('array'),
  ),
  array: fc.array(tie('reply')),
}))

function written(value: Reply): string {
  if (value === null) return '$-1\r\n'
  if (typeof value === 'number') return `:${value}\r\n`
  if (value instanceof RespError) return `-${value.message}\r\n`
  if (typeof value === 'string') return `$${Buffer.byteLength(value)}\r\n${value}\r\n`
  return `*${(value as readonly Reply[]).length}\r\n${(value as readonly Reply[]).map(written).join('')}`
}

function read(bytes: Buffer, cuts: readonly number[], wantsBytes = false): readonly Reply[] {
  const replies: Reply[] = []
  const reader = new RespReader(
    (each) => void replies.push(each),
    () => wantsBytes,
  )
  const ends = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b)
  let from = 0
  for (const end of ends) {
    if (end > from) reader.write(bytes.subarray(from, end))
    from = end
  }
  return replies
}

test('what is written is read, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(reply), fc.array(fc.nat()), (replies, cuts) => {
      expect(read(Buffer.from(replies.map(written).join('')), cuts)).toEqual(replies)
    }),
  )
})

test('a text that comes byte by byte, bytes where they are wanted, and a simple one', () => {
  const text = Buffer.from('+OK\r\n$5\r\ngr\u00fcn\r\n*0\r\n')
  const everywhere = Array.from(text, (_, at) => at)
  expect(read(text, everywhere)).toEqual(['OK', 'gr\u00fcn', []])
  expect(read(text, everywhere, true)).toEqual(['OK', Buffer.from('gr\u00fcn'), []])
})

test('what Redis never says is no answer', () => {
  expect(() => read(Buffer.from('HTTP/1.1 400 Bad Request\r\n'), [])).toThrow(
    expect.objectContaining({ code: 'PROTOCOL_INVALID', message: expect.stringContaining('HTTP/1.1') }),
  )
})
