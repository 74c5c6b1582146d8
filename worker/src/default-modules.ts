/** The modules that every worker has unless one of the same name replaces them. */
import type { Module } from './module.ts'
import { control } from './modules/control.ts'
import { dispatcher } from './modules/dispatcher.ts'
import { heartbeat } from './modules/heartbeat.ts'
import { hello } from './modules/hello.ts'
import { network } from './modules/network.ts'
import { presence } from './modules/presence.ts'

/** The default modules with the given ones added or put in place, in the order in which they start. */
export function modulesWith(given: readonly Module[]): readonly Module[] {
  const byName = new Map<string, Module>()
  for (const module of [control(), network(), dispatcher(), hello(), presence(), heartbeat(), ...given])
    byName.set(module.name, module)
  return [...byName.values()]
}
