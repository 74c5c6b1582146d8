/** Signatures: read from the wire, merged, linked and stamped. */
import { LovageError } from '@lovage/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readFixture } from '../fixtures/captured.ts'
import { linked, linkedOnError, linkedSteps } from './links.ts'
import { merged, mergedOptions } from './merge.ts'
import {
  chainSignature,
  chordSignature,
  groupSignature,
  isRecord,
  parseSignature,
  parseSignatures,
  plainSignature,
  type Signature,
} from './signature.ts'
import { stamped } from './stamps.ts'

const captured = readFixture('signatures') as readonly { readonly name: string; readonly json: Signature }[]
const add = plainSignature('add')
const callback = plainSignature('callback')

function code(what: () => unknown): string {
  try {
    what()
    return 'none'
  } catch (error) {
    return LovageError.is(error) ? error.message : String(error)
  }
}

describe('parseSignature', () => {
  it.each(captured)('keeps what Celery wrote: $name', ({ json }) => {
    expect(parseSignature(json)).toEqual(withGroups(json))
  })

  it('fills in what is missing, and keeps what nobody knows', () => {
    const parsed = parseSignature({ task: 'add', options: { strange: 1 }, chord_size: 3 })
    expect(parsed).toEqual({ ...plainSignature('add', { options: { strange: 1 } }), chord_size: 3 })
  })

  it.each([
    [7, 'an object'],
    [{ args: [] }, 'the name of a task'],
    [{ task: 'add', args: 'ab' }, 'a list'],
    [{ task: 'add', kwargs: [] }, 'an object'],
    [{ task: 'celery.chain', subtask_type: 'chain', kwargs: {} }, 'a list'],
    [{ task: 'celery.chord', subtask_type: 'chord', kwargs: { header: [], body: null } }, 'an object'],
  ])('refuses %j: expected %s', (value, expected) => {
    expect(code(() => parseSignature(value))).toMatch(`[protocol invalid] expected`)
    expect(code(() => parseSignature(value))).toContain(`to be ${expected}`)
  })

  it('refuses what is nested too deep, before it runs out of stack', () => {
    let deep: unknown = add
    for (let level = 0; level < 20_000; level++) deep = { task: 'celery.chain', subtask_type: 'chain', kwargs: { tasks: [deep] } }
    expect(code(() => parseSignature(deep))).toContain('nested at most 200 deep')
  })

  it('never throws anything but its refusal', () => {
    fc.assert(
      fc.property(
        fc.object({ key: fc.constantFrom('task', 'args', 'kwargs', 'tasks', 'header', 'body', 'subtask_type', 'options') }),
        (value) => {
          expect(code(() => parseSignature(value))).toMatch(/^none$|^\[protocol invalid] expected/)
        },
      ),
    )
  })

  it('takes one signature for a list of one, and null for none', () => {
    expect([parseSignatures(null), parseSignatures(add), parseSignatures([add, add])]).toEqual([[], [add], [add, add]])
  })
})

describe('merged', () => {
  it('puts given arguments in front, and lets given kwargs and options win', () => {
    const own = plainSignature('add', { args: [3], kwargs: { a: 1, b: 1 }, options: { queue: 'q', priority: 1 } })
    const { args, kwargs, options } = merged(own, { args: [1, 2], kwargs: { b: 2 }, options: { priority: 9, shadow: null } })
    expect([args, kwargs, options]).toEqual([[1, 2, 3], { a: 1, b: 2 }, { queue: 'q', priority: 9 }])
  })

  it('keeps an immutable signature from arguments, not from options', () => {
    const own = plainSignature('add', { args: [3], immutable: true })
    const { args, kwargs, options } = merged(own, { args: [1], kwargs: { b: 2 }, options: { priority: 9 } })
    expect([args, kwargs, options]).toEqual([[3], {}, { priority: 9 }])
  })

  it('keeps the group and the stamps that are there', () => {
    const own = { group_id: 'g', stamped_headers: ['batch'], batch: 1 }
    expect(mergedOptions(own, { group_id: 'h', stamped_headers: ['other'], batch: 2, other: 3 })).toEqual({ ...own, other: 3 })
    expect(mergedOptions({ group_id: null }, { group_id: 'h' })).toEqual({ group_id: 'h' })
  })
})

describe('links', () => {
  const [first, second] = [plainSignature('first'), plainSignature('second')]
  const options = { link: [callback] }

  it('go to the body of a chord, to every member of a group, and each once', () => {
    expect(linked(linked(add, [callback]), [callback]).options).toEqual(options)
    expect(linked(chordSignature(groupSignature([first]), second), [callback])).toEqual(
      chordSignature(groupSignature([first]), { ...second, options }),
    )
    expect(linked(groupSignature([first, second]), [callback])).toEqual(
      groupSignature([
        { ...first, options },
        { ...second, options },
      ]),
    )
  })

  it('of a chain go to its end, those on failure to all of it', () => {
    const chain = linkedOnError(linked(chainSignature([first, second]), [callback]), [callback])
    expect(linkedSteps(chain as typeof chain & ReturnType<typeof chainSignature>).map((step) => step.options)).toEqual([
      { link_error: [callback] },
      { link: [callback], link_error: [callback] },
    ])
  })

  it('on failure go to the body of a chord and to chords in its header', () => {
    const inner = chordSignature(groupSignature([first]), second)
    const failing = { link_error: [callback] }
    expect(linkedOnError(chordSignature(groupSignature([add, inner]), add), [callback])).toEqual(
      chordSignature(groupSignature([add, chordSignature(groupSignature([first]), { ...second, options: failing })]), {
        ...add,
        options: failing,
      }),
    )
  })
})

describe('stamped', () => {
  it('marks every task and every callback, and keeps other stamps', () => {
    const chord = chordSignature(groupSignature([linked(add, [callback])]), stamped(add, { old: 1 }))
    const { header, body } = (stamped(chord, { batch: 'b' }) as typeof chord).kwargs
    expect(header.kwargs.tasks[0]?.options).toEqual({
      link: [{ ...callback, options: { batch: 'b', stamped_headers: ['batch'] } }],
      batch: 'b',
      stamped_headers: ['batch'],
    })
    expect(body.options).toEqual({ old: 1, batch: 'b', stamped_headers: ['old', 'batch'] })
  })
})

/** The same with a group where a header is a list. */
function withGroups(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(withGroups)
  if (!isRecord(json)) return json
  const all = Object.fromEntries(Object.entries(json).map(([name, value]) => [name, withGroups(value)]))
  return Array.isArray(all.header) ? { ...all, header: groupSignature(all.header) } : all
}
