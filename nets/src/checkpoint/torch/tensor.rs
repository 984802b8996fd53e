//! Tensors in a pickle: views of storages.

use unperturb_files::pickle::{Pickle, Place, Value};
use unperturb_files::quoted;

use super::container::Storages;
use crate::checkpoint::element::Element;

/// Axes of a tensor, at the most; nets have five. Thousands of tensors can share one list of sizes in the pickle, and
/// here each has its own.
const AXES: usize = 8;

/// What a pickle says of a storage: `("storage", CLASS, key, device, elements, ...)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct StorageName<'a> {
    /// Under this key its bytes are found.
    pub key: &'a str,
    /// Its elements; bytes where it is untyped.
    pub elements: usize,
    /// None where it is untyped.
    element: Option<Element>,
}

impl<'a> StorageName<'a> {
    /// The storage that lies outside of the pickle under the name at `place`.
    pub fn of(pickle: &Pickle<'a>, place: Place) -> Result<Self, String> {
        let unknown = || "a storage is not described as PyTorch does".to_string();
        let Value::Sequence(parts) = pickle.get(place) else { return Err(unknown()) };
        let &[kind, class, key, _device, elements, ref view @ ..] = parts.as_slice() else {
            return Err(unknown());
        };
        if pickle.text(kind) != Some("storage") {
            return Err(unknown());
        }
        if view.iter().any(|&view| *pickle.get(view) != Value::None) {
            return Err("a storage is a view of another, which is not supported".into());
        }
        let Value::Global(_, class) = pickle.get(class) else { return Err(unknown()) };
        Ok(StorageName {
            key: pickle.text(key).ok_or_else(unknown)?,
            elements: size(pickle, elements).ok_or_else(unknown)?,
            element: match *class {
                "UntypedStorage" => None,
                class => Some(storage_element(class).ok_or_else(unknown)?),
            },
        })
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> Result<usize, String> {
        let bytes = self.elements.checked_mul(self.element.map_or(1, Element::size));
        bytes.ok_or_else(|| format!("its storage {} is impossibly large", quoted(self.key)))
    }
}

/// A tensor whose elements are still in its storage.
pub(super) struct View<'a> {
    pub element: Element,
    pub shape: Vec<usize>,
    strides: Vec<usize>,
    offset: usize,
    storage: &'a [u8],
}

impl<'a> View<'a> {
    /// The tensor that `value` rebuilds; none if it is something else.
    pub fn of(
        pickle: &Pickle<'a>,
        storages: &Storages<'a>,
        value: &Value<'a>,
    ) -> Result<Option<Self>, String> {
        let &Value::Call { callable, arguments, .. } = value else { return Ok(None) };
        let Value::Global("torch._utils", function) = pickle.get(callable) else { return Ok(None) };
        let Value::Sequence(arguments) = pickle.get(arguments) else {
            return Err("a tensor is rebuilt from nothing".into());
        };
        let view = match (*function, arguments.as_slice()) {
            ("_rebuild_parameter", &[data, ..]) => match pickle.get(data) {
                // A parameter of a parameter would be no tensor of PyTorch, and might be its own.
                Value::Call { callable, .. }
                    if *pickle.get(*callable) == Value::Global("torch._utils", "_rebuild_parameter") =>
                {
                    return Err("a parameter is made of a parameter".into());
                }
                data => return View::of(pickle, storages, data),
            },
            ("_rebuild_tensor_v3", &[storage, offset, shape, strides, _, _, dtype, ..]) => {
                let element = match pickle.get(dtype) {
                    Value::Global("torch", name) => dtype_element(name),
                    _ => None,
                };
                let element = element.ok_or("a tensor has elements of an unknown type")?;
                View::new(pickle, storages, [storage, offset, shape, strides], Some(element))
            }
            ("_rebuild_tensor" | "_rebuild_tensor_v2", &[storage, offset, shape, strides, ..]) => {
                View::new(pickle, storages, [storage, offset, shape, strides], None)
            }
            _ => Err("a tensor is not rebuilt as PyTorch does".into()),
        };
        view.map(Some)
    }

    fn new(
        pickle: &Pickle<'a>,
        storages: &Storages<'a>,
        [storage, offset, shape, strides]: [Place; 4],
        element: Option<Element>,
    ) -> Result<Self, String> {
        let &Value::Persistent(name) = pickle.get(storage) else {
            return Err("a tensor has no storage".into());
        };
        let name = StorageName::of(pickle, name)?;
        let key = name.key;
        let element = element.or(name.element).ok_or("a tensor has elements of an unknown type")?;
        let storage = storages.get(key).ok_or_else(|| format!("its storage {} is missing", quoted(key)))?;
        let sizes = |place: Place| match pickle.get(place) {
            Value::Sequence(sizes) if sizes.len() > AXES => None,
            Value::Sequence(sizes) => sizes.iter().map(|&at| size(pickle, at)).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        let view = View {
            element,
            shape: sizes(shape).ok_or("a tensor has no shape, or one of too many axes")?,
            strides: sizes(strides).ok_or("a tensor has no strides")?,
            offset: size(pickle, offset).ok_or("a tensor begins nowhere")?,
            storage,
        };
        if view.shape.len() != view.strides.len() {
            return Err("a tensor has more axes than strides, or fewer".into());
        }
        let there = storage.len() / element.size();
        match view.extent() {
            Some(extent) if extent <= there && storage.len() == name.bytes()? => Ok(view),
            _ => Err(format!("a tensor of shape {:?} is not within its storage {}", view.shape, quoted(key))),
        }
    }

    /// Elements of the storage up to the last that the view shows, if that is a number.
    fn extent(&self) -> Option<usize> {
        if self.elements()? == 0 {
            return Some(0);
        }
        let mut last = self.offset;
        for (size, stride) in self.shape.iter().zip(&self.strides) {
            last = last.checked_add((size - 1).checked_mul(*stride)?)?;
        }
        last.checked_add(1)
    }

    /// How many elements it has.
    pub fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |elements, &size| elements.checked_mul(size))
    }

    /// Its elements as `f32`, rows packed; none if they are not floating-point.
    pub fn floats(&self) -> Option<Vec<f32>> {
        let size = self.element.size();
        let elements = self.elements()?;
        let nothing = self.element.floats(&[])?;
        if elements == 0 {
            return Some(nothing);
        }
        let mut packed = 1;
        let is_packed = self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
            let fits = size == 1 || stride == packed;
            packed *= size;
            fits
        });
        if is_packed {
            return self.element.floats(&self.storage[self.offset * size..][..elements * size]);
        }
        let mut floats = Vec::with_capacity(elements);
        let mut index = vec![0; self.shape.len()];
        for _ in 0..elements {
            let at: usize = index.iter().zip(&self.strides).map(|(i, stride)| i * stride).sum();
            floats.push(self.element.float(&self.storage[(self.offset + at) * size..][..size])?);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Some(floats)
    }
}

/// A number that is a size.
fn size(pickle: &Pickle, place: Place) -> Option<usize> {
    match *pickle.get(place) {
        Value::Int(size) => usize::try_from(size).ok(),
        _ => None,
    }
}

fn storage_element(class: &str) -> Option<Element> {
    Some(match class {
        "DoubleStorage" => Element::F64,
        "FloatStorage" => Element::F32,
        "HalfStorage" => Element::F16,
        "BFloat16Storage" => Element::BF16,
        "LongStorage" => Element::I64,
        "IntStorage" => Element::I32,
        "ShortStorage" => Element::I16,
        "CharStorage" => Element::I8,
        "ByteStorage" => Element::U8,
        "BoolStorage" => Element::Bool,
        _ => return None,
    })
}

fn dtype_element(name: &str) -> Option<Element> {
    Some(match name {
        "float64" => Element::F64,
        "float32" => Element::F32,
        "float16" => Element::F16,
        "bfloat16" => Element::BF16,
        "int64" => Element::I64,
        "int32" => Element::I32,
        "int16" => Element::I16,
        "int8" => Element::I8,
        "uint8" => Element::U8,
        "bool" => Element::Bool,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_show_what_their_sizes_and_strides_say() {
        let storage: Vec<u8> = (0..6u8).flat_map(|i| half::f16::from_f32(i.into()).to_le_bytes()).collect();
        let floats = |shape: &[usize], strides: &[usize], offset| {
            let view = View {
                element: Element::F16,
                shape: shape.into(),
                strides: strides.into(),
                offset,
                storage: &storage,
            };
            (view.extent(), view.floats())
        };
        assert_eq!(floats(&[2, 2], &[3, 1], 1), (Some(6), Some(vec![1.0, 2.0, 4.0, 5.0])));
        assert_eq!(floats(&[2, 2], &[1, 2], 0), (Some(4), Some(vec![0.0, 2.0, 1.0, 3.0])));
        assert_eq!(floats(&[3, 2], &[0, 1], 2), (Some(4), Some(vec![2.0, 3.0, 2.0, 3.0, 2.0, 3.0])));
        assert_eq!(floats(&[], &[], 5), (Some(6), Some(vec![5.0])));
        // Nothing is to be shown, at any place and with any sizes.
        assert_eq!(floats(&[0, 1 << 40, 1 << 40], &[1, 1 << 40, 1], usize::MAX), (Some(0), Some(vec![])));
        for (shape, strides) in [([2, 2], [usize::MAX, 1]), ([1 << 40, 2], [1 << 40, 0])] {
            let view = View {
                element: Element::F16,
                shape: shape.into(),
                strides: strides.into(),
                offset: 1,
                storage: &storage,
            };
            assert_eq!(view.extent(), None);
        }
    }
}
