//! What a shader says of its own bindings, checked against what the operation says of them.

use naga::{AddressSpace, Handle, Module, StorageAccess, Type};
use wgpu::BufferBindingType;

use super::launch::{Access, Launch};

/// One binding of a shader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// What it is.
    pub ty: BufferBindingType,
    /// Bytes that a buffer must have at least.
    pub bytes: u64,
}

/// The bindings of the shader `source` in order, or what is wrong with them. Bindings that the
/// shader leaves out are taken from `launch`.
pub(super) fn declared(launch: &Launch, source: &str) -> Result<Vec<Declared>, String> {
    let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    let mut bindings = vec![Declared { ty: BufferBindingType::Uniform, bytes: 16 }];
    bindings.extend(launch.bindings.iter().map(|binding| {
        let ty = match binding.access {
            Access::Read => BufferBindingType::Storage { read_only: true },
            Access::ReadWrite => BufferBindingType::Storage { read_only: false },
            Access::Uniform => BufferBindingType::Uniform,
        };
        Declared { ty, bytes: 4 }
    }));
    for (_, global) in module.global_variables.iter() {
        let Some(place) = global.binding else { continue };
        let name = global.name.as_deref().unwrap_or("a binding");
        let count = bindings.len() - 1;
        let Some(expected) = bindings.get_mut(place.binding as usize).filter(|_| place.group == 0) else {
            return Err(format!("'{name}' is beyond the {count} bindings of the launch"));
        };
        let ty = binding_type(global.space);
        if ty != Some(expected.ty) {
            return Err(format!("'{name}' is declared as {ty:?} and bound as {:?}", expected.ty));
        }
        expected.bytes = size(&module, global.ty).ok_or_else(|| format!("'{name}' is too large"))?;
    }
    Ok(bindings)
}

fn binding_type(space: AddressSpace) -> Option<BufferBindingType> {
    match space {
        AddressSpace::Uniform => Some(BufferBindingType::Uniform),
        AddressSpace::Storage { access } => {
            Some(BufferBindingType::Storage { read_only: !access.contains(StorageAccess::STORE) })
        }
        _ => None,
    }
}

/// Bytes of a type, where an array of unknown length counts with one element.
fn size(module: &Module, ty: Handle<Type>) -> Option<u64> {
    module.types[ty].inner.try_size(module.to_ctx()).map(u64::from)
}
