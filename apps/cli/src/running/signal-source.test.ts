/** One Ctrl-C counts once, however often it is passed on; a second one counts again. */
import { EventEmitter } from 'node:events'
import { handleSignals } from '@lovage/worker'
import { expect, test } from 'vitest'
import { signalSource } from './signal-source.ts'

test('echoes are dropped, a second press is not', () => {
  let now = 0
  const process = new EventEmitter()
  const stops: unknown[] = []
  const release = handleSignals(
    { stop: async (how) => void stops.push(how?.cold === true ? 'cold' : 'warm') },
    signalSource(process, () => now),
  )
  process.emit('SIGINT')
  now = 5
  process.emit('SIGINT')
  expect(stops).toEqual(['warm'])
  now = 400
  process.emit('SIGINT')
  process.emit('SIGINT')
  expect(stops).toEqual(['warm', 'cold'])
  release()
  expect(process.eventNames()).toEqual([])
})
