/** Frames of a tick are one write to the socket. */
import { EventEmitter } from 'node:events'
import type { ChannelModel } from 'amqplib'
import { expect, test } from 'vitest'
import { writeOnceATick } from './one-write-a-tick.ts'

test('what the library writes in one go is one write, also if it throws on the way', async () => {
  const calls: string[] = []
  const stream = Object.assign(new EventEmitter(), {
    cork: () => void calls.push('cork'),
    uncork: () => void calls.push('uncork'),
  })
  let fails = false
  const muxer = {
    _readIncoming() {
      calls.push(this === muxer ? 'frames' : 'somebody else')
      if (fails) throw new RangeError('a frame too long')
    },
  }
  writeOnceATick({ connection: { stream, muxer } } as unknown as ChannelModel)
  muxer._readIncoming()
  expect(calls).toEqual(['cork', 'frames', 'uncork'])
  fails = true
  expect(() => muxer._readIncoming()).toThrow('a frame too long')
  expect(calls.at(-1)).toBe('uncork')
})

test('a library without these parts is left alone', () => {
  expect(() => writeOnceATick({ connection: {} } as unknown as ChannelModel)).not.toThrow()
})
