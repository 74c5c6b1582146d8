/** The commands that set limits per task name: rate_limit and time_limit. */
import { ConfigError } from '@lovage/core'
import type { CommandHandler, WorkerSurface } from '../module.ts'
import type { RegisteredTask } from '../task-registry.ts'
import { type Args, secondsAsMs, text } from './arguments.ts'

const rateLimit: CommandHandler = (args, worker) => {
  const task = taskOf(args, worker)
  const { rate_limit: value } = args
  task.limitRate(value === null || value === '' ? undefined : (value as string | number | undefined))
  worker.refreshLimits()
  return { ok: task.gate === undefined ? 'rate limit disabled successfully' : 'new rate limit set successfully' }
}

const timeLimit: CommandHandler = (args, worker) => {
  const task = taskOf(args, worker)
  const [softMs, hardMs] = [secondsAsMs(args, 'soft'), secondsAsMs(args, 'hard')]
  task.softMs = softMs
  task.hardMs = hardMs
  return { ok: 'time limits set successfully' }
}

function taskOf(args: Args, worker: WorkerSurface): RegisteredTask {
  const name = text(args, 'task_name')
  const task = worker.registry.get(name)
  if (task !== undefined) return task
  const known = [...worker.registry.keys()].join(', ')
  throw new ConfigError('OPTION_INVALID', `unknown task: expected \`task_name\` to be one of ${known}, got: ${name}`, {
    subject: name,
  })
}

export const limitCommands = { rate_limit: rateLimit, time_limit: timeLimit } satisfies Record<string, CommandHandler>
