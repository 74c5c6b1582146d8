/** What stands in Redis without a word on what it is written in, as Python wrote it (kombu 5.2.4, PyYAML 6.0, msgpack 1.0). */
import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import type { Serializer } from './content.ts'
import { decodeResultRecord, writeResultRecord } from './result-json.ts'
import { storedContent } from './stored-content.ts'

const stored: Readonly<Record<Serializer | 'pickle', string>> = {
  json: [
    'eyJzdGF0dXMiOiAiU1VDQ0VTUyIsICJyZXN1bHQiOiB7InRleHQiOiAiendlaSBcdTI2MTgiLCAibGlzdCI6IFsxLCAyLjUsIG51',
    'bGwsIHRydWVdLCAiYmlnIjogMTA5OTUxMTYyNzc3Nn0sICJ0cmFjZWJhY2siOiBudWxsLCAiY2hpbGRyZW4iOiBbW1siYyIsIG51',
    'bGxdLCBudWxsXV0sICJkYXRlX2RvbmUiOiAiMjAyNS0wMS0wMlQwMzowNDowNS4wMDAwMDYrMDA6MDAiLCAiZ3JvdXBfaWQiOiAi',
    'ZyIsICJ0YXNrX2lkIjogInQifQ==',
  ].join(''),
  yaml: [
    'Y2hpbGRyZW46Ci0gLSAtIGMKICAgIC0gbnVsbAogIC0gbnVsbApkYXRlX2RvbmU6ICcyMDI1LTAxLTAyVDAzOjA0OjA1LjAwMDAw',
    'NiswMDowMCcKZ3JvdXBfaWQ6IGcKcmVzdWx0OgogIGJpZzogMTA5OTUxMTYyNzc3NgogIGxpc3Q6CiAgLSAxCiAgLSAyLjUKICAt',
    'IG51bGwKICAtIHRydWUKICB0ZXh0OiAiendlaSBcdTI2MTgiCnN0YXR1czogU1VDQ0VTUwp0YXNrX2lkOiB0CnRyYWNlYmFjazog',
    'bnVsbAo=',
  ].join(''),
  msgpack: [
    'h6ZzdGF0dXOnU1VDQ0VTU6ZyZXN1bHSDpHRleHSoendlaSDimJikbGlzdJQBy0AEAAAAAAAAwMOjYmlnzwAAAQAAAAAAqXRyYWNl',
    'YmFja8CoY2hpbGRyZW6RkpKhY8DAqWRhdGVfZG9uZdkgMjAyNS0wMS0wMlQwMzowNDowNS4wMDAwMDYrMDA6MDCoZ3JvdXBfaWSh',
    'Z6d0YXNrX2lkoXQ=',
  ].join(''),
  pickle: [
    'gASV0gAAAAAAAAB9lCiMBnN0YXR1c5SMB1NVQ0NFU1OUjAZyZXN1bHSUfZQojAR0ZXh0lIwIendlaSDimJiUjARsaXN0lF2UKEsB',
    'R0AEAAAAAAAATohljANiaWeUigYAAAAAAAF1jAl0cmFjZWJhY2uUTowIY2hpbGRyZW6UXZRdlChdlCiMAWOUTmVOZWGMCWRhdGVf',
    'ZG9uZZSMIDIwMjUtMDEtMDJUMDM6MDQ6MDUuMDAwMDA2KzAwOjAwlIwIZ3JvdXBfaWSUjAFnlIwHdGFza19pZJSMAXSUdS4=',
  ].join(''),
}

const bytesOf = (name: Serializer | 'pickle') => Buffer.from(stored[name], 'base64')

describe.for(['json', 'yaml', 'msgpack'] as const)('a record in %s', (serializer) => {
  const content = storedContent(serializer)

  test('is read as Python meant it, and written so that it is read again', () => {
    const record = decodeResultRecord(bytesOf(serializer), content)
    const result = { text: 'zwei ☘', list: [1, 2.5, null, true], big: 2 ** 40 }
    const children = [[['c', null], null]]
    const doneAtMs = Date.UTC(2025, 0, 2, 3, 4, 5) + 0.006
    expect(record).toMatchObject({ taskId: 't', status: 'SUCCESS', result, children, doneAtMs, groupId: 'g' })
    expect(decodeResultRecord(writeResultRecord(record, content), content)).toEqual(record)
  })

  const others = (['json', 'yaml', 'msgpack'] as const).filter((other) => other !== serializer)
  // YAML reads JSON, as it does in Python.
  test.for(others.filter((other) => serializer !== 'yaml' || other !== 'json'))('is not one in %s, which is named', (other) => {
    expect(() => decodeResultRecord(bytesOf(other), content)).toThrow(
      `expected what is stored in ${serializer}, as \`result_serializer\` says, got what looks like ${other}`,
    )
  })

  test('is never pickle', () => {
    expect(() => content.read(bytesOf('pickle'))).toThrow(/got what looks like pickle, which is never read$/)
  })
})
