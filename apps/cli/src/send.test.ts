/** Sending by a bare name: what the definition says holds, as far as a live worker publishes it. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ended, LovageFolder } from './fixtures/lovage-command.ts'

const imageFile = fileURLToPath(new URL('./fixtures/image-task.ts', import.meta.url))

let folder: LovageFolder
const lovage = (...args: string[]): Promise<Ended> => folder.run(args)

/** The task as `show --json` tells it. */
async function shown(id: string): Promise<unknown> {
  return (JSON.parse((await lovage('show', id, '--json')).stdout) as { task: unknown }).task
}

beforeAll(async () => {
  folder = await LovageFolder.make()
  // It takes nothing, so that tasks and their keys stay as they were sent.
  await folder.start(['worker', imageFile, '-Q', 'elsewhere']).says(/worker ready[\s\S]*pool/)
})
afterAll(() => folder.close())

describe('send by name', { timeout: 60_000 }, () => {
  test('takes queue, priority and the limit of lost workers from a worker that has the task, and says that the key is missing', async () => {
    const ended = await lovage('send', 'image', '{"path":"a"}')
    expect(ended).toMatchObject({
      code: 0,
      stderr:
        'lovage: sent without a key: only the definition of image can make it from the input; name it with --tasks FILE, or give --key\n',
    })
    expect(await shown(ended.stdout.trim())).toMatchObject({ queue: 'images', priority: 5, lostLimit: 0 })
  })

  test('has its like in schedules', async () => {
    const added = await lovage('schedule', 'add', 's', '1h', 'image', '--priority', 'low', '--json')
    expect(JSON.parse(added.stdout)).toMatchObject({ name: 's', queue: 'images', priority: 'low', lostLimit: 0 })
  })

  test('yields to what is given', async () => {
    const ended = await lovage('send', 'image', '{"path":"a"}', '-Q', 'frail', '--priority', 'low', '--key', 'k')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(await shown(ended.stdout.trim())).toMatchObject({ queue: 'frail', priority: 3, key: 'k' })
  })

  test('yields to the definition, which makes the key', async () => {
    const sent = () => lovage('send', 'image', '{"path":"b"}', '--tasks', imageFile)
    const ended = await sent()
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(await shown(ended.stdout.trim())).toMatchObject({ queue: 'images', priority: 5, key: 'b' })
    expect((await sent()).stdout).toBe(ended.stdout)
    const rejected = await lovage('send', 'image', '{"path":"b"}', '--tasks', imageFile, '--key-policy', 'reject')
    expect(rejected).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('the key "b" of image') })
  })
})
