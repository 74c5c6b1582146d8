/** Names of what Celery's result backend keeps in Redis (celery.md 15.3). */

export interface ResultKeys {
  /** Of a task's record, and of the channel on which it is told. */
  task(id: string): string
  /** The id of the task whose record is told on a channel. */
  idOf(channel: string): string
  /** Of the saved tuple of a group. */
  group(id: string): string
  /** Of the parts of a chord, their number, and the extra number. */
  chord(group: string): readonly [parts: string, size: string, extra: string]
}

/** @param prefix Celery puts a `_` behind it, since 5.5 only if it does not end in one of `:_-.` */
export function resultKeys(prefix: string): ResultKeys {
  const before = prefix === '' || /[:_.-]$/.test(prefix) ? prefix : `${prefix}_`
  const task = `${before}celery-task-meta-`
  const group = `${before}celery-taskset-meta-`
  return {
    task: (id) => task + id,
    idOf: (channel) => channel.slice(task.length),
    group: (id) => group + id,
    chord: (id) => [`${group}${id}.j`, `${group}${id}.s`, `${group}${id}.t`],
  }
}
