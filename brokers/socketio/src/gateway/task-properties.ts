/** What of a task becomes the `properties` of a worker's frame, and what of it is the input of its definition. */
import { type Json, shown, type Task } from '@lovage/core'
import { jsonObject } from '../wire/json-value.ts'
import type { Decoded } from '../wire/reader.ts'
import type { TaskFrame } from '../wire/task.ts'

/**
 * An input that is an object is the properties; without an input they are the named arguments, `{}` where there are none. Everything
 * else has no place in `properties`: the reason says so.
 */
export function taskProperties({ name, input, extras }: Task): Decoded<TaskFrame['properties']> {
  const hint = (reason: string) =>
    `${reason}; task ${name} is sent to a worker over socket.io, which takes an object as its input`
  const { args = [], kwargs = {} } = extras ?? {}
  if (args.length > 0) {
    return { ok: false, reason: hint(`expected named arguments alone, got positional ones: ${shown(args)}`) }
  }
  const decoded = jsonObject(hasInput({ input, extras }) ? JSON.parse(input) : kwargs, 'input')
  return decoded.ok ? decoded : { ok: false, reason: hint(decoded.reason) }
}

/** The properties, as far as there are any. */
export function frameInput(task: Task): Json | undefined {
  const properties = taskProperties(task)
  return properties.ok ? properties.frame : undefined
}

/**
 * The input as a definition's handler gets it. Undefined where the definition alone can tell: positional arguments have names there, and
 * what it does without any input is its own business.
 */
export function definitionInput({ input, extras }: Task): Json | undefined {
  if (hasInput({ input, extras })) return JSON.parse(input) as Json
  const { args = [], kwargs = {} } = extras ?? {}
  return args.length > 0 || Object.keys(kwargs).length === 0 ? undefined : (kwargs as Json)
}

function hasInput({ input, extras }: Pick<Task, 'input' | 'extras'>): boolean {
  return input !== 'null' || extras?.nullInput === true
}
