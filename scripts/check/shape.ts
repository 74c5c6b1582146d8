/** The shape of the house: names that are refused, the first sentence of each file, a README in each room. */
import { posix } from 'node:path'
import { type Finding, type House, sourcesOf, textOf } from './house.ts'

/** A folder or file so called collects what has no place; name the concept instead. */
const refused = new Set([
  'utils',
  'util',
  'common',
  'helpers',
  'helper',
  'lib',
  'types',
  'interfaces',
  'classes',
  'shared',
  'misc',
])

/** Checks names, opening sentences and READMEs. Lengths of files and functions are held by `biome.jsonc`. */
export function checkShape(house: House): Finding[] {
  return [...house.files.flatMap(refusedName), ...sourcesOf(house).flatMap((file) => opening(house, file)), ...readmes(house)]
}

function refusedName(file: string): Finding[] {
  const words = file.split('/').map((part) => part.replace(/\..*$/, ''))
  const word = words.find((part) => refused.has(part))
  return word === undefined ? [] : [{ where: file, what: `expected a name that says the concept, got: ${word}` }]
}

/** A test's duty stands in its name. */
function opening(house: House, file: string): Finding[] {
  if (file.endsWith('.test.ts')) return []
  const text = textOf(house, file).replace(/^#!.*\n/, '')
  if (/^\/\*\*\s+\*?\s*\S/.test(text)) return []
  return [{ where: `${file}:1`, what: 'expected the file to open with one `/** ... */` sentence that says its duty' }]
}

/** What each package's README tells, in this order; others may stand between. */
const headings = [
  'Install',
  'Smallest complete use',
  'What it promises and what not',
  'Options',
  'Errors',
  'How it works',
  'Links',
]

function readmes(house: House): Finding[] {
  return house.rooms.flatMap((room) => {
    const where = posix.join(room.dir, 'README.md')
    if (!house.files.includes(where)) return [{ where, what: 'expected each package to have a README.md' }]
    const found = [...textOf(house, where).matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading)
    const kept = found.filter((heading) => headings.includes(heading))
    if (kept.join() === headings.join()) return []
    return [{ where, what: `expected the headings ${headings.join(', ')}, in this order, got: ${found.join(', ')}` }]
  })
}
