/** How work is handed out to workers that hold no connection of their own. */
import { type Broker, BugError, type Desk, type DeskClaim, type Task, type TaskEvent } from '@lovage/core'
import { within } from '../deadline.ts'
import { expectEqual, expectTrue } from '../expect.ts'
import { message, queue, Recorder } from '../recorder.ts'
import { brokerCase } from '../world.ts'

const needs = ['handsOut'] as const

const minute = 60_000

function deskOf({ desk }: Broker): Desk {
  if (desk !== undefined) return desk
  throw new BugError('BUG', 'expected a broker that hands out to have a desk, got none')
}

/** A claim of one task by the holder `h1`, that waits a minute. */
const wish = (fields: Partial<DeskClaim> = {}): DeskClaim => ({
  ...{ queues: [queue], holder: 'h1', worker: 'w1@conformance', limit: 1, leaseMs: 20 * minute, waitMs: minute },
  ...fields,
})

const elsewhere = { name: 'w1@conformance', holder: 'h1', host: 'conformance', queues: [queue], tasks: [] }

const completed = ({ startedAt }: Task): TaskEvent => ({ type: 'completed', startedAt: startedAt ?? 0, result: '"done"' })
const idsOf = (tasks: readonly Task[]): readonly string[] => tasks.map(({ id }) => id)

async function claimOne(desk: Desk, fields: Partial<DeskClaim> = {}): Promise<Task> {
  const [task] = await within(desk.claim(wish(fields)), 'a claim to be answered')
  if (task !== undefined) return task
  throw new BugError('BUG', 'expected a task to be claimed, got none')
}

export const deskCases = [
  brokerCase(
    'desk/gives at once what there is, of any name, and never waits to fill up',
    async ({ broker }) => {
      await broker.tasks.send([message('a'), message('b', { name: 'another' })])
      const tasks = await within(deskOf(broker).claim(wish({ limit: 9 })), 'a claim to be answered')
      expectEqual(idsOf(tasks), ['a', 'b'], 'the claimed tasks')
      const { state, run, worker, holder, takenUntil = 0, startedAt } = tasks[0] as Task
      expectEqual([state, run, worker, holder], ['running', 0, 'w1@conformance', 'h1'], 'the run')
      expectEqual(takenUntil % 1000, 0, 'the milliseconds at the end of the lease')
      expectTrue(startedAt !== undefined, 'the run to have begun')
    },
    needs,
  ),

  brokerCase(
    'desk/whoever waits is woken by a send on another connection',
    async ({ broker, another }) => {
      const sender = await another()
      const waiting = deskOf(broker).claim(wish())
      await sender.tasks.send([message('late')])
      expectEqual(idsOf(await within(waiting, 'the claim to be answered')), ['late'], 'the claimed tasks')
    },
    needs,
  ),

  brokerCase(
    'desk/many that wait get one each',
    async ({ broker }) => {
      const desk = deskOf(broker)
      const waiting = Array.from({ length: 20 }, (_, n) => desk.claim(wish({ holder: `h${n}` })))
      await broker.tasks.send(Array.from({ length: 20 }, (_, n) => message(`t${n}`)))
      const claimed = (await within(Promise.all(waiting), 'all claims to be answered')).map(idsOf)
      expectEqual(claimed.flat().sort(), Array.from({ length: 20 }, (_, n) => `t${n}`).sort(), 'the claimed tasks')
      expectTrue(
        claimed.every((ids) => ids.length === 1),
        'each to get one',
      )
    },
    needs,
  ),

  brokerCase(
    'desk/a worker that is gone leaves its place to the next',
    async ({ broker }) => {
      const desk = deskOf(broker)
      const gone = new AbortController()
      const left = desk.claim(wish({ signal: gone.signal }))
      const next = desk.claim(wish({ holder: 'h2' }))
      gone.abort()
      expectEqual(await within(left, 'the claim of who is gone to end'), [], 'what it got')
      await broker.tasks.send([message('a')])
      const [task] = await within(next, 'the next claim to be answered')
      expectEqual([task?.id, task?.holder], ['a', 'h2'], 'the task and who has it')
    },
    needs,
  ),

  brokerCase(
    'desk/a task is claimed by its id once',
    async ({ broker, another }) => {
      await broker.tasks.send([message('a'), message('b')])
      const asked = { ids: ['b'] }
      expectEqual((await claimOne(deskOf(broker), asked)).id, 'b', 'the claimed task')
      const other = deskOf(await another())
      expectEqual(await other.claim(wish({ ...asked, holder: 'h2' })), [], 'what is claimed again')
    },
    needs,
  ),

  brokerCase(
    'desk/a run is settled once, through whichever connection',
    async ({ broker, another }) => {
      await broker.tasks.send([message('a')])
      const task = await claimOne(deskOf(broker))
      const other = deskOf(await another())
      expectEqual(await other.settle(task, completed(task)), true, 'whether it counted')
      expectEqual(await deskOf(broker).settle(task, completed(task)), false, 'whether it counted again')
      const [result] = await broker.results.get(['a'])
      expectEqual([result?.state, result?.result], ['completed', 'done'], 'the result')
    },
    needs,
  ),

  brokerCase(
    'desk/a run is kept by renewing it, for its holder alone',
    async ({ broker }) => {
      const desk = deskOf(broker)
      await broker.tasks.send([message('a')])
      const { id, run, takenUntil = 0 } = await claimOne(desk)
      const runs = [{ id, run }]
      const { until, held } = await desk.renew({ holder: 'h1', runs, leaseMs: 40 * minute })
      expectEqual(held, runs, 'what is held')
      expectTrue(until > takenUntil, 'the lease to end later')
      expectEqual((await desk.renew({ holder: 'h2', runs, leaseMs: minute })).held, [], 'what another one holds')
    },
    needs,
  ),

  brokerCase(
    'desk/what a lost holder had begun goes elsewhere at once',
    async ({ broker, another }) => {
      const desk = deskOf(broker)
      await broker.tasks.send([message('a')])
      const task = await claimOne(desk)
      const recorder = await Recorder.open(await another())
      expectEqual(await desk.lose('h1', (task.startedAt ?? 0) - 1), [], 'what it had begun earlier')
      expectEqual(await desk.lose('h1', task.startedAt ?? 0), [{ id: 'a', run: 0 }], 'what it loses')
      const delivery = await recorder.delivered(1)
      expectEqual([delivery.message.run, delivery.message.lost], [1, 1], 'the run, and the workers lost')
      expectEqual(await desk.settle(task, completed(task)), false, 'whether a late settlement counts')
    },
    needs,
  ),

  brokerCase(
    'desk/a holder hears that its run was cancelled, on another connection',
    async ({ broker, another }) => {
      const desk = deskOf(broker)
      await broker.tasks.send([message('a')])
      await claimOne(desk)
      let tell: (word: unknown) => void = () => {}
      const heard = new Promise<unknown>((resolve) => {
        tell = resolve
      })
      const watch = await desk.watch(elsewhere, (word) => tell(word))
      await (await another()).tasks.cancel(['a'])
      expectEqual(await within(heard, 'the word to come'), { id: 'a', run: 0, reason: 'cancelled' }, 'what it hears')
      await watch.end()
    },
    needs,
  ),

  brokerCase(
    'desk/a worker elsewhere is seen with its queues, until the last who watches over it ends',
    async ({ broker, another }) => {
      const seen = async () => ((await broker.admin?.workers()) ?? []).map(({ name, holder, queues }) => [name, holder, queues])
      const first = await deskOf(broker).watch(elsewhere, () => {})
      expectTrue(await first.isLatest(), 'the first to be the latest')
      const second = await deskOf(await another()).watch({ ...elsewhere, queues: ['conformance-b'] }, () => {})
      expectTrue(await second.isLatest(), 'the second to be the latest')
      expectEqual(await first.isLatest(), false, 'whether the first is the latest')
      await first.end()
      expectEqual(await seen(), [['w1@conformance', 'h1', ['conformance-b']]], 'who is seen')
      await second.end()
      expectEqual(await seen(), [], 'who is seen')
    },
    needs,
  ),

  brokerCase(
    'desk/what is noted of a run is there when it is settled',
    async ({ broker }) => {
      const desk = deskOf(broker)
      await broker.tasks.send([message('a')])
      const task = await claimOne(desk)
      desk.note(task, { progress: { percent: 50 }, line: { level: 'info', text: 'half' } })
      desk.note(task, { progress: { percent: 90 } })
      await desk.settle(task, completed(task))
      const [stored] = (await broker.admin?.get(['a'])) ?? []
      expectEqual(stored?.progress, '{"percent":90}', 'the progress')
      const lines = (await broker.admin?.logs('a'))?.map(({ run, level, text }) => [run, level, text])
      expectEqual(lines, [[0, 'info', 'half']], 'the lines')
    },
    needs,
  ),

  brokerCase(
    'desk/what waits can be made pending, and take another place in line',
    async ({ broker }) => {
      const desk = deskOf(broker)
      await broker.tasks.send([message('a'), message('b'), message('waits', { at: desk.now() + 60 * minute })])
      expectEqual(await desk.prioritize(['b', 'never-sent'], 7), [true, false], 'whether the priority changed')
      expectEqual(await desk.schedule(['waits', 'a']), [true, false], 'whether they were scheduled')
      const tasks = await within(desk.claim(wish({ limit: 9 })), 'a claim to be answered')
      expectEqual(idsOf(tasks), ['b', 'a', 'waits'], 'the claimed tasks')
    },
    needs,
  ),
]
