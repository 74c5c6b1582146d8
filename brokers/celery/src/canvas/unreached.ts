/** Tasks that will never run because one before them failed: whose results others wait for, and which chords miss a part. */
import { isChain, isChord, isGroup, isRecord, listOption, parseSignature, type Signature, textOption } from './signature.ts'

/** A task that will never run, under whose id the failure is stored, too. */
export interface Unreached {
  readonly id: string
  /** Where its result goes on `rpc://`. */
  readonly replyTo: string | undefined
  readonly group: string | undefined
  readonly groupIndex: number | undefined
  /** The body of the chord that waits for its part, which is to be reported as failed. */
  readonly chord: Readonly<Record<string, unknown>> | undefined
}

/**
 * The tasks of a signature that others may wait for: the steps of a chain, the members of a group, the body of a chord, and what
 * was to follow them. Those without an id have never been promised to anybody.
 */
export function unreachedOf(signature: Signature): readonly Unreached[] {
  return [...endsOf(signature), ...unreachedRest(listOption(signature.options, 'chain'))]
}

/** The same for the rest of a chain as a message carries it, nearest step first. What cannot be read is passed over. */
export function unreachedRest(chain: readonly unknown[]): readonly Unreached[] {
  return readable(chain).toReversed().flatMap(unreachedOf)
}

/** Those that can be read: a task that has failed already shall not fail of what follows it. */
export function readable(signatures: readonly unknown[]): readonly Signature[] {
  return signatures.flatMap((signature) => {
    try {
      return [parseSignature(signature)]
    } catch {
      return []
    }
  })
}

function endsOf(signature: Signature): readonly Unreached[] {
  if (isChain(signature) || isGroup(signature)) return signature.kwargs.tasks.flatMap(unreachedOf)
  if (isChord(signature)) return unreachedOf(signature.kwargs.body)
  const { options } = signature
  const id = textOption(options, 'task_id')
  if (id === undefined) return []
  return [
    {
      id,
      replyTo: textOption(options, 'reply_to'),
      group: textOption(options, 'group_id'),
      groupIndex: typeof options.group_index === 'number' ? options.group_index : undefined,
      chord: isRecord(options.chord) ? options.chord : undefined,
    },
  ]
}
