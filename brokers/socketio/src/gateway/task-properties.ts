/** What of a task becomes the `properties` of a worker's frame. */
import { shown, type Task } from '@lovage/core'
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
  const hasInput = input !== 'null' || extras?.nullInput === true
  const decoded = jsonObject(hasInput ? JSON.parse(input) : kwargs, 'input')
  return decoded.ok ? decoded : { ok: false, reason: hint(decoded.reason) }
}
