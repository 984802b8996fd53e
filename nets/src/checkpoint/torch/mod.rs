//! What `torch.save` writes: a pickle of dictionaries and tensors, and the storages that the tensors are views of.
//! Nothing of it is run; a class that is not about tensors is refused by name.

mod container;
mod state_dict;
mod tensor;

use unperturb_files::pickle::{Dialect, Pickle};

use super::Checkpoint;
use container::Storages;

/// What checkpoints are pickled with: tensors, and harmless data that trainings keep beside them.
const DIALECT: Dialect = Dialect {
    what: "PyTorch checkpoints of tensors",
    globals: &[
        ("torch._utils", "_rebuild_tensor"),
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_tensor_v3"),
        ("torch._utils", "_rebuild_parameter"),
        ("torch", "DoubleStorage"),
        ("torch", "FloatStorage"),
        ("torch", "HalfStorage"),
        ("torch", "BFloat16Storage"),
        ("torch", "LongStorage"),
        ("torch", "IntStorage"),
        ("torch", "ShortStorage"),
        ("torch", "CharStorage"),
        ("torch", "ByteStorage"),
        ("torch", "BoolStorage"),
        ("torch.storage", "UntypedStorage"),
        ("torch", "float64"),
        ("torch", "float32"),
        ("torch", "float16"),
        ("torch", "bfloat16"),
        ("torch", "int64"),
        ("torch", "int32"),
        ("torch", "int16"),
        ("torch", "int8"),
        ("torch", "uint8"),
        ("torch", "bool"),
        ("torch", "Size"),
        ("torch", "device"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
        ("argparse", "Namespace"),
        ("pathlib", "PosixPath"),
        ("collections", "Counter"),
        ("__builtin__", "dict"),
        ("builtins", "dict"),
        ("__builtin__", "list"),
        ("builtins", "list"),
        ("__builtin__", "set"),
        ("builtins", "set"),
    ],
    dictionaries: &[("collections", "OrderedDict"), ("collections", "defaultdict")],
    persistent: true,
};

/// Whether the bytes are those of an archive or of a legacy file.
pub(super) fn is_torch(bytes: &[u8]) -> bool {
    container::is_archive(bytes) || container::is_legacy(bytes)
}

/// The state dictionary of a file, or what is wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Checkpoint, String> {
    let damaged = |problem| format!("it is not a whole PyTorch checkpoint ({problem})");
    if container::is_archive(bytes) {
        let archive = container::Archive::open(bytes).map_err(damaged)?;
        let pickle = Pickle::parse(archive.pickle, &DIALECT).map_err(damaged)?;
        state_dict::read(&pickle, &Storages::Archive(archive), bytes.len())
    } else {
        let (pickle, storages) = container::legacy(bytes).map_err(damaged)?;
        state_dict::read(&pickle, &Storages::Legacy(storages), bytes.len())
    }
    .map_err(damaged)
}
