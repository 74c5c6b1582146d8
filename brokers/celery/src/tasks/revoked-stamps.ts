/** Tasks revoked by what they are stamped with. */
import { ConfigError, shown } from '@lovage/core'
import { pythonRepr } from '../wire/python-repr.ts'
import type { TaskRequest } from '../wire/task-message.ts'

export class RevokedStamps {
  readonly #values = new Map<string, Set<string>>()

  get size(): number {
    return this.#values.size
  }

  /**
   * Takes `{ name: value or list }`, or a list of `name=value`; answers how Python shows what it took.
   * @throws {ConfigError} OPTION_INVALID
   */
  add(headers: unknown): string {
    const pairs = pairsOf(headers)
    for (const [name, values] of pairs) {
      const known = this.#values.get(name) ?? new Set()
      for (const value of values) known.add(keyOf(value))
      this.#values.set(name, known)
    }
    return pythonRepr(Object.fromEntries(pairs))
  }

  /** Whether one of its stamps has a value that was revoked. */
  matches({ stamps }: Pick<TaskRequest, 'stamps'>): boolean {
    if (stamps === undefined || this.#values.size === 0) return false
    return Object.entries(stamps).some(([name, value]) => {
      const revoked = this.#values.get(name)
      return revoked !== undefined && [value].flat().some((one) => revoked.has(keyOf(one)))
    })
  }
}

function pairsOf(headers: unknown): readonly (readonly [string, readonly unknown[]])[] {
  if (Array.isArray(headers) && headers.every((item) => typeof item === 'string' && item.includes('='))) {
    return headers.map((item: string) => [item.slice(0, item.indexOf('=')), [item.slice(item.indexOf('=') + 1)]])
  }
  if (typeof headers === 'object' && headers !== null && !Array.isArray(headers)) {
    return Object.entries(headers).map(([name, value]) => [name, [value].flat()])
  }
  throw new ConfigError('OPTION_INVALID', `expected \`headers\` to be an object or a list of name=value, got: ${shown(headers)}`)
}

function keyOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
