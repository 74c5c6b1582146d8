/** All operations of the database thread by name. */
import type { DatabaseSync } from 'node:sqlite'
import { claimVerb } from './claim.ts'
import { countsVerb } from './counts.ts'
import { dependentsSpread } from './dependents.ts'
import { findVerb, getVerb } from './find.ts'
import { insertVerb } from './insert.ts'
import { logsVerb, noteVerb } from './notes.ts'
import { patchShapes } from './patch.ts'
import { pruneVerb } from './prune.ts'
import { listRecordsVerb, readRecordVerb, writeRecordsVerb } from './records.ts'
import { renewVerb } from './renew.ts'
import { sweepVerb } from './sweep.ts'
import { updateVerb } from './update.ts'

/** Prepares every verb on one connection. */
export function prepareVerbs(db: DatabaseSync) {
  const patches = patchShapes(db)
  const spread = dependentsSpread(db, patches)
  return {
    insert: insertVerb(db, patches, spread),
    claim: claimVerb(db),
    update: updateVerb(db, patches, spread),
    renew: renewVerb(db),
    sweep: sweepVerb(db),
    get: getVerb(db),
    find: findVerb(db),
    counts: countsVerb(db),
    note: noteVerb(db),
    logs: logsVerb(db),
    prune: pruneVerb(db),
    readRecord: readRecordVerb(db),
    listRecords: listRecordsVerb(db),
    writeRecords: writeRecordsVerb(db),
  }
}

/** The verbs of a connection. */
export type Verbs = ReturnType<typeof prepareVerbs>
/** The name of an operation. */
export type VerbName = keyof Verbs
/** What an operation takes. */
export type PayloadOf<Name extends VerbName> = Parameters<Verbs[Name]['run']>[0]
/** What an operation answers. */
export type AnswerOf<Name extends VerbName> = ReturnType<Verbs[Name]['run']>
