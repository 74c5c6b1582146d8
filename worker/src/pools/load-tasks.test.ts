import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { loadTasks, moduleUrl } from './load-tasks.ts'

const fixture = (name: string) => new URL(`./fixtures/${name}.ts`, import.meta.url).pathname

describe('loadTasks', () => {
  it('collects the definitions that modules export, lists and records of them too, and one that comes twice once', async () => {
    const tasks = await loadTasks([fixture('tasks'), pathToFileURL(fixture('other-tasks')).href])
    expect([...tasks.keys()]).toEqual(expect.arrayContaining(['echo', 'fail', 'second', 'third', 'fourth']))
    expect(tasks.get('second')).toMatchObject({ kind: 'lovage.task', name: 'second' })
  })

  it('refuses two definitions of one name, naming the name and the second module', async () => {
    await expect(loadTasks([fixture('tasks'), fixture('twin-tasks')])).rejects.toMatchObject({
      code: 'DEFINITION_DUPLICATE',
      message: expect.stringMatching(/named echo, got a second one from .*twin-tasks\.ts/),
    })
  })

  it('refuses a module that does not load, with the cause', async () => {
    await expect(loadTasks([fixture('throws-at-load')])).rejects.toMatchObject({
      code: 'MODULE_INVALID',
      subject: fixture('throws-at-load'),
      cause: { code: 'OPTION_INVALID' },
    })
  })
})

it('takes absolute paths and file URLs, odd characters too', () => {
  expect(moduleUrl('/a b/ü#?.ts')).toBe('file:///a%20b/%C3%BC%23%3F.ts')
  expect(moduleUrl('file:///a.ts')).toBe('file:///a.ts')
  for (const module of ['a.ts', './a.ts', 'https://example.com/a.ts', ''])
    expect(() => moduleUrl(module)).toThrow('absolute path')
})
