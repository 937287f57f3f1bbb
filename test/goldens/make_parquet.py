"""Makes the parquet files of this folder's parquet/, and rows.json: what pyarrow reads in them.

    pip install pyarrow
    python make_parquet.py parquet

Each file holds the same 40 rows in row groups of 16: texts (some missing), whole numbers, decimals, and a conversation as
a list of objects.
"""
import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq

VARIANTS = {
    'snappy': dict(compression='snappy'),
    'plain': dict(compression='none', use_dictionary=False),
    'gzip-v2': dict(compression='gzip', data_page_version='2.0'),
    'zstd': dict(compression='zstd'),
    'delta': dict(compression='none', use_dictionary=False, column_encoding={'prompt': 'DELTA_BYTE_ARRAY'}),
}

rows = [
    {
        'prompt': f'Say {i} 🦙 año',
        'completion': None if i % 7 == 3 else f'{i}\n' * (i % 3),
        'number': i - 20,
        'score': i / 8,
        'messages': [{'role': role, 'content': f'{role} {i}'} for role in ['user', 'assistant'][: i % 3]],
    }
    for i in range(40)
]

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
for name, options in VARIANTS.items():
    path = os.path.join(out, f'{name}.parquet')
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=16, store_schema=False, write_statistics=False, **options)
    read = pq.read_table(path).to_pylist()
    assert read == rows, name
with open(os.path.join(out, 'rows.json'), 'w') as file:
    json.dump(rows, file, ensure_ascii=False)
    file.write('\n')
