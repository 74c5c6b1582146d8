/** What a log says of tasks. */
import { EventEmitter } from 'node:events'
import type { LogLevel } from '@lovage/core'
import type { Worker } from '@lovage/worker'
import { expect, test } from 'vitest'
import { logTasks } from './task-log.ts'

/** What is logged of one event. */
function logged(type: string, handsOn: boolean, level: LogLevel): readonly string[] {
  const worker = Object.assign(new EventEmitter(), { pool: { handsOn } })
  const lines: string[] = []
  const tell = (as: LogLevel) => (_: object, text: string) => void lines.push(`${as} ${text}`)
  const logger = { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') }
  logTasks(worker as unknown as Worker, logger, level)
  worker.emit(type, { id: 't1', name: 'job', exception: null })
  return lines
}

test('a worker says what becomes of its tasks', () => {
  expect(logged('task-succeeded', false, 'info')).toEqual(['info job completed'])
  expect(logged('task-released', false, 'info')).toEqual(['info job was given back'])
  expect(logged('task-started', false, 'info')).toEqual([])
})

test('a forwarder says what was sent on, and nothing of what only waits', () => {
  expect(logged('task-succeeded', true, 'info')).toEqual(['info job was sent on'])
  expect(logged('task-failed', true, 'info')).toEqual(['error job was refused there'])
  expect(logged('task-released', true, 'info')).toEqual([])
  expect(logged('task-released', true, 'debug')).toEqual(['debug job was not sent on yet'])
})
