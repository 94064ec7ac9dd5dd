#!/usr/bin/env python3
"""Writes a file as C: embed.py INPUT OUTPUT.c"""
import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
pathlib.Path(sys.argv[2]).write_text(f'#include "dashboard.h"\n\nconst unsigned char dashboard_html[] = {{{",".join(map(str, [*data, 0]))}}};\nconst size_t dashboard_bytes = {len(data)};\n')
