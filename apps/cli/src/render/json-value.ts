/** JSON for a person: short values on one line, long ones over several. */
import type { WorkerEvent } from '@lovage/core'

/** Writes a value; on one line if it fits into `width` columns. */
export function jsonValue(value: unknown, width = 100): string {
  const short = JSON.stringify(value) ?? 'undefined'
  return short.length <= width ? short : (JSON.stringify(value, undefined, 2) ?? 'undefined')
}

/** Writes a stored JSON text; a text that is none is shown as it is. */
export function jsonText(text: string, width?: number): string {
  try {
    return jsonValue(JSON.parse(text), width)
  } catch {
    return text
  }
}

/** Writes progress: a number from 0 to 1 as a percentage, anything else as JSON; a detail follows its value. */
export function progressText(progress: unknown): string {
  if (isDetailed(progress)) return `${progressText(progress.value)} ${detailText(progress.detail)}`
  return typeof progress === 'number' && progress >= 0 && progress <= 1 ? `${Math.round(progress * 100)}%` : detailText(progress)
}

/** As a worker reports `progress(value, detail)`. */
function isDetailed(progress: unknown): progress is { readonly value: unknown; readonly detail: unknown } {
  if (typeof progress !== 'object' || progress === null) return false
  return Object.keys(progress).length === 2 && 'value' in progress && 'detail' in progress
}

function detailText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

/** Progress as the event `task-progress` tells it. */
export function eventProgress({ value, detail }: WorkerEvent): string {
  return progressText(detail === undefined || detail === null ? value : { value, detail })
}

/** Progress as a store keeps it, a JSON text. */
export function storedProgress(text: string): string {
  try {
    return progressText(JSON.parse(text))
  } catch {
    return text
  }
}
