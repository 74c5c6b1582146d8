/** Small parts of what a handler gets beside its input. */

/** The platform's AbortSignal where there is one in the types, else the part of it that Lovage uses. */
export type AbortSignal = typeof globalThis extends { AbortSignal: { prototype: infer Platform } } ? Platform : AbortSignalShape

export interface AbortSignalShape {
  readonly aborted: boolean
  readonly reason: unknown
  throwIfAborted(): void
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** Log lines that are kept with the task, up to 8,000 characters each, and passed to the worker's logger. */
export interface TaskLog {
  debug(text: string): void
  info(text: string): void
  warn(text: string): void
  error(text: string): void
}
