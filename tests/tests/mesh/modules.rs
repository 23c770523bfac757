//! Other modules than the one that is shipped, made of it: another release, and one that traps when it is told to.
//!
//! A Rust panic ends in the instruction `unreachable` (the module aborts, it does not unwind), and ours has none that
//! can be reached. So the instruction is written into the compiled module itself, in front of the callback for a
//! request's headers. Everything else is the program that is shipped.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use obolus_envoy::Module;

/// More headers than this, and the module of [`trapping`] traps.
pub(crate) const HEADERS: u8 = 60;

const CALLBACK: &str = "proxy_on_request_headers";
const CUSTOM: u8 = 0;
const IMPORTS: u8 = 2;
const FUNCTIONS: u8 = 3;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;

/// Puts a module where `docs/istio.md` has it: in a folder of its own, which stands for a volume, in a file that is
/// named by what is in it.
pub(crate) fn deliver(content: &[u8], folder: &Path) -> Result<Module> {
    let digest = Module::digest(content);
    let folder = folder.join("module").join(&digest);
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("obolus_filter-{digest}.wasm"));
    std::fs::write(&path, content)?;
    Ok(Module { path: path.to_string_lossy().into_owned(), sha256: Some(digest) })
}

/// Takes a module's volume away; what was in it is returned.
pub(crate) fn without(module: &Module) -> Result<Vec<u8>> {
    let path = Path::new(&module.path);
    let content = std::fs::read(path)?;
    std::fs::remove_dir_all(path.parent().context("a module without a folder")?)?;
    Ok(content)
}

/// The same program with one more custom section, which nobody reads.
pub(crate) fn release(module: &[u8], name: &str) -> Result<Vec<u8>> {
    let mut content = number(7);
    content.extend(b"release");
    content.extend(name.bytes());
    let mut bytes = module.to_vec();
    write_section(&mut bytes, CUSTOM, &content)?;
    Ok(bytes)
}

/// The same program, but a request with more than [`HEADERS`] headers is a trap.
pub(crate) fn trapping(module: &[u8]) -> Result<Vec<u8>> {
    let sections = sections(module)?;
    let of = |id: u8| {
        let found = sections.iter().find(|(section, _)| *section == id);
        found.map(|(_, content)| *content).with_context(|| format!("no section {id}"))
    };
    let imported = imported_functions(of(IMPORTS)?)?;
    let (types, added) = Reader::new(of(FUNCTIONS)?).list(Reader::number)?;
    let (exports, _) = Reader::new(of(EXPORTS)?).list(Reader::export)?;
    let callback = exports.iter().find(|export| export.name == CALLBACK.as_bytes());
    let callback = callback.context("the module has no such callback")?.index;
    let place = usize::try_from(callback - imported)?;
    let same_type = *types.get(place).context("the callback is no function of the module")?;
    let wrapper = imported + u32::try_from(types.len())?;

    let mut bytes = module.get(..8).context("no header")?.to_vec();
    for (id, content) in &sections {
        match *id {
            FUNCTIONS => {
                let mut changed = number(u32::try_from(types.len())? + 1);
                changed.extend(added);
                changed.extend(number(same_type));
                write_section(&mut bytes, *id, &changed)?;
            }
            EXPORTS => {
                let mut changed = number(u32::try_from(exports.len())?);
                for export in &exports {
                    let index = if export.index == callback && export.kind == 0 {
                        wrapper
                    } else {
                        export.index
                    };
                    changed.extend(number(u32::try_from(export.name.len())?));
                    changed.extend(export.name);
                    changed.push(export.kind);
                    changed.extend(number(index));
                }
                write_section(&mut bytes, *id, &changed)?;
            }
            CODE => {
                let mut reader = Reader::new(content);
                let mut changed = number(reader.number()? + 1);
                changed.extend(reader.rest);
                let body = wrapping(callback);
                changed.extend(number(u32::try_from(body.len())?));
                changed.extend(body);
                write_section(&mut bytes, *id, &changed)?;
            }
            _ => write_section(&mut bytes, *id, content)?,
        }
    }
    Ok(bytes)
}

/// `(if (i32.gt_u count HEADERS) unreachable) (call callback context count end_of_stream)`
fn wrapping(callback: u32) -> Vec<u8> {
    let mut body = vec![0x00, 0x20, 1, 0x41, HEADERS, 0x4b, 0x04, 0x40, 0x00, 0x0b];
    body.extend([0x20, 0, 0x20, 1, 0x20, 2, 0x10]);
    body.extend(number(callback));
    body.push(0x0b);
    body
}

fn sections(module: &[u8]) -> Result<Vec<(u8, &[u8])>> {
    ensure!(module.starts_with(b"\0asm\x01\0\0\0"), "this is no module");
    let mut reader = Reader::new(&module[8..]);
    let mut sections = Vec::new();
    while !reader.rest.is_empty() {
        sections.push((reader.byte()?, reader.bytes()?));
    }
    Ok(sections)
}

fn imported_functions(section: &[u8]) -> Result<u32> {
    let (kinds, _) = Reader::new(section).list(|reader| {
        let _module_and_name = (reader.bytes()?, reader.bytes()?);
        let kind = reader.byte()?;
        ensure!(kind == 0, "something else than functions is imported");
        reader.number()
    })?;
    Ok(u32::try_from(kinds.len())?)
}

fn write_section(bytes: &mut Vec<u8>, id: u8, content: &[u8]) -> Result<()> {
    bytes.push(id);
    bytes.extend(number(u32::try_from(content.len())?));
    bytes.extend(content);
    Ok(())
}

/// LEB128.
fn number(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

struct Export<'a> {
    name: &'a [u8],
    kind: u8,
    index: u32,
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().context("the module ends too early")?;
        self.rest = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u32> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
            ensure!(shift < 32, "a number is too long");
        }
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.number()?)?;
        let (bytes, rest) = self.rest.split_at_checked(length).context("a length is too large")?;
        self.rest = rest;
        Ok(bytes)
    }

    fn export(&mut self) -> Result<Export<'a>> {
        Ok(Export { name: self.bytes()?, kind: self.byte()?, index: self.number()? })
    }

    /// The elements, and their bytes without the number of them.
    fn list<T>(
        mut self,
        mut one: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<(Vec<T>, &'a [u8])> {
        let count = self.number()?;
        let elements = self.rest;
        let list = (0..count).map(|_| one(&mut self)).collect::<Result<_>>()?;
        Ok((list, elements))
    }
}
