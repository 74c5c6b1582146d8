/** The commands that keep tasks from running: revoke and terminate. */
import type { CommandHandler, WorkerSurface } from '../module.ts'
import { type Args, flag, signalName, textList } from './arguments.ts'

const revoke: CommandHandler = (args, worker) => {
  if (flag(args, 'terminate')) return terminate(args, worker)
  const ids = textList(args, 'task_id')
  worker.revoke(ids)
  return { ok: `tasks {${ids.map((id) => `'${id}'`).join(', ')}} flagged as revoked` }
}

function terminate(args: Args, worker: WorkerSurface): { ok: string } {
  const here = worker.revoke(textList(args, 'task_id'), { terminate: true, signal: signalName(args) })
  return { ok: here.length === 0 ? 'terminate: tasks unknown' : `terminate: ${here.join(', ')}` }
}

export const revokeCommands = { revoke, terminate } satisfies Record<string, CommandHandler>
