/** The control module: serves the control bus, and lets listeners see every command as `worker.pidbox.{method}`. */
import { ConfigError } from '@lovage/core'
import { builtInCommands } from '../commands/built-in.ts'
import type { CommandHandler, Module, WorkerSurface } from '../module.ts'

export interface ControlOptions {
  /** Added to the built-in commands, or in place of those of the same name. */
  readonly commands?: Readonly<Record<string, CommandHandler>> | undefined
}

/** Answers commands from the worker's start until nothing runs any more. */
export function control(options: ControlOptions = {}): Module {
  const known = new Map(Object.entries({ ...builtInCommands, ...options.commands }))
  let end: () => Promise<void> = async () => {}
  return {
    name: 'control',
    async start(worker) {
      end = await worker.broker.control.serve(worker.name, (method, args) => obey(worker, known, method, args))
    },
    stop: () => end(),
  }
}

function obey(
  worker: WorkerSurface,
  known: ReadonlyMap<string, CommandHandler>,
  method: string,
  args: Readonly<Record<string, unknown>>,
): unknown {
  worker.lamport.tick()
  worker.tell(`worker.pidbox.${method}`, { method, args })
  if (method !== '*') worker.tell('worker.pidbox.*', { method, args })
  const command = worker.commands.get(method) ?? known.get(method)
  if (command !== undefined) return command(args, worker)
  const names = [...new Set([...known.keys(), ...worker.commands.keys()])].sort().join(', ')
  throw new ConfigError('UNSUPPORTED', `expected one of the commands ${names}, got: ${method}`)
}
