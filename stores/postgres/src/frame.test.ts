/** Whatever the message, its payloads are short enough and give it back. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameReader, framesOf } from './frame.ts'

const origin = 'abcdef012345'

/** Well-formed texts, long ones among them. */
const text = fc
  .tuple(fc.string({ unit: 'binary' }), fc.nat(400), fc.string({ unit: 'binary' }))
  .map(([piece, times, end]) => (piece.repeat(times) + end).toWellFormed())

test('every message is given back whole from payloads that PostgreSQL takes', () => {
  fc.assert(
    fc.property(text, fc.nat(), (message, number) => {
      const reader = new FrameReader()
      const frames = framesOf(origin, number, message)
      for (const frame of frames) {
        expect(Buffer.byteLength(frame)).toBeLessThan(8000)
        expect(frame).not.toContain('\0')
      }
      const heard = frames.map((frame) => reader.read(frame))
      expect(heard.slice(0, -1).every((each) => each === undefined)).toBe(true)
      expect(heard.at(-1)).toEqual({ origin, message })
    }),
  )
})

test('the parts of several origins do not mix', () => {
  const reader = new FrameReader()
  const long = 'x'.repeat(20_000)
  const [ours, theirs] = [framesOf(origin, 1, long), framesOf('b'.repeat(12), 1, `${long}y`)]
  const heard = ours.flatMap((frame, index) => [reader.read(frame), reader.read(theirs[index]!)])
  expect(heard.filter((each) => each !== undefined).map(({ message }) => message.length)).toEqual([20_000, 20_001])
})

test('a message whose beginning was lost is dropped, and the next is read', () => {
  const reader = new FrameReader()
  const [first, ...others] = framesOf(origin, 1, 'x'.repeat(20_000))
  for (const frame of others) expect(reader.read(frame)).toBeUndefined()
  expect(reader.read(first!)).toBeUndefined()
  reader.clear()
  for (const frame of others) expect(reader.read(frame)).toBeUndefined()
  expect(framesOf(origin, 2, 'y'.repeat(9000)).map((frame) => reader.read(frame)?.message.length)).toEqual([undefined, 9000])
})

test('noise is not read', () => {
  const reader = new FrameReader()
  for (const noise of ['', 'short', `${origin}?x`, `${origin}px`, `${origin}T{`, `${origin}T5`]) {
    expect(reader.read(noise)).toBeUndefined()
  }
})
