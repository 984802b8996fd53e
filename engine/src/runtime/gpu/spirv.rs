//! Shaders for matrix units as SPIR-V, with what naga leaves out.
//!
//! Matrix units need Vulkan's memory model, in which barriers order only those accesses of memory that say that others
//! share it: "non-private" ones. naga 30 declares the model, but marks no access, so that drivers move loads of workgroup
//! memory before the barrier behind which others have written it. (In the older model, which all other shaders are
//! compiled for, every access is non-private.)

use std::collections::HashSet;

use naga::back::spv;
use naga::valid::{Capabilities, ValidationFlags, Validator};

/// `StorageClass` Workgroup.
const WORKGROUP: u32 = 4;
/// `MemoryOperands` NonPrivatePointer.
const NON_PRIVATE: u32 = 0x20;

/// Opcodes, by the SPIR-V specification.
const TYPE_POINTER: u32 = 32;
const FUNCTION_PARAMETER: u32 = 55;
const VARIABLE: u32 = 59;
const LOAD: u32 = 61;
const STORE: u32 = 62;
const ACCESS_CHAIN: u32 = 65;
const COOPERATIVE_LOAD: u32 = 4457;
const COOPERATIVE_STORE: u32 = 4458;

/// Whether this WGSL must be compiled here.
pub(super) fn is_needed(source: &str) -> bool {
    source.contains("enable wgpu_cooperative_matrix;")
}

/// What the WGSL of a kernel for matrix units becomes.
///
/// # Errors
/// What is wrong with it.
pub(super) fn compile(source: &str) -> Result<Vec<u32>, String> {
    let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    let capabilities =
        Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16 | Capabilities::COOPERATIVE_MATRIX;
    let valid = Validator::new(ValidationFlags::all(), capabilities).validate(&module);
    let info = valid.map_err(|error| error.emit_to_string(source))?;
    let options = spv::Options {
        lang_version: (1, 5),
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: false,
        ..Default::default()
    };
    let words = spv::write_vec(&module, &info, &options, None).map_err(|error| error.to_string())?;
    Ok(shared(&words))
}

/// The same module, whose accesses of workgroup memory are non-private.
fn shared(words: &[u32]) -> Vec<u32> {
    let (header, body) = words.split_at(5);
    let (mut pointer_types, mut pointers) = (HashSet::new(), HashSet::new());
    let mut result = header.to_vec();
    for instruction in instructions(body) {
        let opcode = instruction[0] & 0xffff;
        // The pointer, and how many words an access has without memory operands.
        let access = match opcode {
            LOAD => Some((instruction[3], 4)),
            STORE => Some((instruction[1], 3)),
            COOPERATIVE_LOAD => Some((instruction[3], 6)),
            COOPERATIVE_STORE => Some((instruction[1], 5)),
            TYPE_POINTER if instruction[2] == WORKGROUP => {
                pointer_types.insert(instruction[1]);
                None
            }
            FUNCTION_PARAMETER | VARIABLE | ACCESS_CHAIN if pointer_types.contains(&instruction[1]) => {
                pointers.insert(instruction[2]);
                None
            }
            _ => None,
        };
        match access.filter(|(pointer, _)| pointers.contains(pointer)) {
            Some((_, length)) if instruction.len() == length => {
                result.push(((length as u32 + 1) << 16) | opcode);
                result.extend(&instruction[1..]);
                result.push(NON_PRIVATE);
            }
            _ => result.extend(instruction),
        }
    }
    result
}

/// The instructions of a module behind its header: the first word has the length in its upper half.
fn instructions(mut body: &[u32]) -> impl Iterator<Item = &[u32]> {
    std::iter::from_fn(move || {
        let length = (*body.first()? >> 16) as usize;
        let (instruction, rest) = body.split_at(length.clamp(1, body.len()));
        body = rest;
        Some(instruction)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "enable f16;
        enable wgpu_cooperative_matrix;
        @group(0) @binding(0) var<storage, read> x: array<f16>;
        @group(0) @binding(1) var<storage, read_write> y: array<f32>;
        var<workgroup> tile: array<f16, 256>;
        var<workgroup> result: array<f32, 256>;
        fn fragment(at: u32) -> coop_mat16x16<f16, A> {
          return coopLoadT<coop_mat16x16<f16, A>>(&tile[at], 16u);
        }
        @compute @workgroup_size(32)
        fn main(@builtin(local_invocation_index) lane: u32) {
          for (var i = lane; i < 256u; i += 32u) { tile[i] = x[i]; }
          workgroupBarrier();
          let at = 0u;
          let stride = 16u;
          let b = coopLoad<coop_mat16x16<f16, B>>(&tile[at], 16u);
          let sum = coopMultiplyAdd(fragment(at), b, coop_mat16x16<f32, C>());
          coopStoreT(sum, &result[at], stride);
          workgroupBarrier();
          for (var i = lane; i < 256u; i += 32u) { y[i] = result[i]; }
        }";

    #[test]
    fn accesses_of_workgroup_memory_are_marked_and_no_others() {
        let words = compile(SOURCE).expect("compiles");
        let count = |opcode: u32, length: usize| {
            let found = instructions(&words[5..]).filter(|i| i[0] & 0xffff == opcode && i.len() == length);
            found.inspect(|i| assert!(length < 5 || i[length - 1] == NON_PRIVATE)).count()
        };
        assert_eq!([count(COOPERATIVE_LOAD, 6), count(COOPERATIVE_LOAD, 7)], [0, 2]);
        assert_eq!([count(COOPERATIVE_STORE, 5), count(COOPERATIVE_STORE, 6)], [0, 1]);
        // Of tile and result; those of x, y and variables stay as they are.
        assert_eq!([count(STORE, 4), count(LOAD, 5)], [1, 1]);
        assert!(count(STORE, 3) > 0 && count(LOAD, 4) > 0);
        assert_eq!(shared(&words), words, "marked ones are not marked twice");
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert!(compile("fn main() { let a = unknown; }").expect_err("is wrong").contains("unknown"));
        assert!(is_needed(SOURCE) && !is_needed("enable f16;"));
    }
}
