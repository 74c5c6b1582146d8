import { expect, it } from 'vitest'
import { inheritedArguments } from './inherited-arguments.ts'

it('leaves out the text of --eval and its kind, and nothing else', () => {
  expect(inheritedArguments(['--import', 'tsx', '--input-type=module', '-e', '--no-code', '--no-warnings'])).toEqual([
    '--import',
    'tsx',
    '--no-warnings',
  ])
  expect(inheritedArguments(['--input-type', 'module', '--eval=1', '--enable-source-maps'])).toEqual(['--enable-source-maps'])
})
