/** Whether an id that is there stands for what is sent under it. */
import type { NewTask, TaskExtras } from '@lovage/core'

/** What is compared of a stored task. Extras are JSON texts. */
export interface StoredContent {
  readonly name: string
  readonly queue: string
  readonly priority: number
  readonly input: string
  readonly extras: string | null
}

/** Compares by content, not by time. */
export function sameContent(stored: StoredContent, task: NewTask): boolean {
  const same = stored.name === task.name && stored.queue === task.queue && stored.priority === task.priority
  if (!same || !sameInput(stored.input, task.input) || (stored.extras === null) !== (task.extras === undefined)) return false
  if (stored.extras === null) return true
  const text = JSON.stringify(task.extras)
  return stored.extras === text || sameJson(asSent(stored.extras), asSent(text))
}

/** What the function `send` of the database wrote has other spaces, and keys in another order. */
function sameInput(a: string, b: string): boolean {
  return a === b || sameJson(JSON.parse(a), JSON.parse(b))
}

function asSent(text: string): TaskExtras {
  const { standIns: _, ...sent } = JSON.parse(text) as TaskExtras
  return sent
}

/** Compares two parsed JSON values, whatever the order of their keys. */
function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [a as Readonly<Record<string, unknown>>, b as Readonly<Record<string, unknown>>]
  const keys = Object.keys(left)
  return (
    keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key) && sameJson(left[key], right[key]))
  )
}
