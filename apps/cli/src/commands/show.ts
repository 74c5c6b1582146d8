/** `lovage show`: everything about one task. */
import { type Client, publishedTask } from '@lovage/client'
import { TaskError } from '@lovage/core'
import { adminOf } from '../admin-of.ts'
import { withBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import { type Action, argument } from '../invocation.ts'
import { painter } from '../render/paint.ts'
import { type TaskDetail, taskDetail } from '../render/task-detail.ts'
import { taskDocument } from '../task-document.ts'
import { print, printJson } from '../terminal.ts'

export const show: Action = async (invocation) => {
  const { terminal, settings } = invocation
  const id = argument(invocation, 0)
  const detail = await withBroker(invocation, (broker) => readDetail(broker, id, settings.broker))
  if (settings.json)
    printJson(terminal, { task: taskDocument(detail.task), logs: detail.logs, reasons: detail.explanation.reasons })
  else {
    const style = { paint: painter(terminal.out), now: Date.now(), stacks: settings.logLevel === 'debug' }
    for (const line of taskDetail(detail, style)) print(terminal.out, line)
  }
  return exitCodes.done
}

async function readDetail(broker: Client, id: string, url: string): Promise<TaskDetail> {
  const admin = adminOf(broker)
  const [task] = await admin.get([id])
  if (task === undefined) {
    throw new TaskError(
      'TASK_UNKNOWN',
      `expected a task that ${url} knows, got: ${id}; \`lovage tasks\` lists them, -b names another broker`,
      {
        subject: id,
      },
    )
  }
  const [logs, explanation, workers] = await Promise.all([admin.logs(id), admin.explain(id), admin.workers()])
  return { task, logs, explanation, retryLimit: publishedTask(workers, task.name)?.retryLimit }
}
